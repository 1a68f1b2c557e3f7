import socket
import threading


def test_half_a_line(serve):
    listener = socket.create_server(("127.0.0.1", 0))
    server = threading.Thread(
        target=serve, args=(listener,), daemon=True)
    server.start()
    address = listener.getsockname()
    client = socket.create_connection(address)
    # Perhaps the server reads both pieces at once.
    client.sendall(b"hel")
    client.sendall(b"lo\n")
    assert client.makefile("rb").readline() == b"hello\n"
