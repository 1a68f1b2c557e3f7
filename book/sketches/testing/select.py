import socket
import threading


def test_half_a_line(serve):
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    client = socket.create_connection(listener.getsockname())
    client.sendall(b"hel")  # Perhaps the server reads both pieces at once.
    client.sendall(b"lo\n")
    assert client.makefile("rb").readline() == b"hello\n"
