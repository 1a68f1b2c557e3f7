import asyncore
import socket


def test_half_a_line(EchoHandler):
    ours, theirs = socket.socketpair()
    EchoHandler(theirs)
    for piece in b"hel", b"lo\n":
        ours.send(piece)
        # The test is the loop: it calls each iteration.
        asyncore.poll()
    assert ours.recv(100) == b"hello\n"
