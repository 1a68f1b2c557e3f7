import socket


def accept(listener):
    sock, _ = listener.accept()
    sock.setsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def answer(sock, lines):
    for line in lines:
        sock.send(line)  # One packet for each line.
    # Better: sock.send(b"".join(lines))
