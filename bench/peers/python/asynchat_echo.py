"""A line echo server of asynchat's chat objects: it returns each line once it is complete.

asynchat left the standard library with Python 3.12; the package pyasynchat has it since.
"""

import socket
import warnings

import start

warnings.simplefilter("ignore", DeprecationWarning)
import asynchat  # noqa: E402
import asyncore  # noqa: E402


class EchoChat(asynchat.async_chat):
    ended = False  # the peer has sent its last byte

    def __init__(self, connection):
        super().__init__(connection)
        self.set_terminator(b"\n")
        self.line = []

    def readable(self):
        # The original is always readable: what a client sends and never reads piles up without limit.
        return not self.ended and not self.producer_fifo

    def collect_incoming_data(self, data):
        self.line.append(data)

    def found_terminator(self):
        self.push(b"".join(self.line) + b"\n")
        self.line.clear()

    def handle_close(self):
        # The end of stream, or an error. The original closes at once and loses pending output.
        # Here it is still sent; when that is done, or fails, this is called a second time.
        if self.ended or not self.producer_fifo:
            self.close()
        else:
            self.close_when_done()
        self.ended = True


class EchoServer(asyncore.dispatcher):
    def __init__(self, host, port):
        super().__init__()
        self.create_socket()
        self.set_reuse_addr()
        self.bind((host, port))
        self.listen(start.BACKLOG)

    def handle_accepted(self, connection, address):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chat = EchoChat(connection)
        if not chat.connected:
            chat.close()  # reset already; asynchat would wait, without end, for it to connect

    def handle_error(self):
        pass  # out of descriptors, say: the original would close the listener


options = start.arguments()
start.exit_on_signals()
server = EchoServer(options.host, options.port)
start.announce(server.socket)
asyncore.loop()
