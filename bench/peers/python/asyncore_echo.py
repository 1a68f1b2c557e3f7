"""An echo server of asyncore's dispatchers.

asyncore left the standard library with Python 3.12; the package pyasyncore has it since.
"""

import socket
import warnings

import start

warnings.simplefilter("ignore", DeprecationWarning)
import asyncore  # noqa: E402

HIGH_WATER = 64 * 1024  # pending bytes above which a connection is not read


class EchoHandler(asyncore.dispatcher_with_send):
    ended = False  # the peer has sent its last byte

    def readable(self):
        # The original is always readable: what a client sends and never reads piles up without limit.
        return not self.ended and len(self.out_buffer) <= HIGH_WATER

    def handle_read(self):
        data = self.recv(8192)  # may call handle_close, and return b""
        if data:
            self.send(data)

    def handle_write(self):
        super().handle_write()
        if self.ended and not self.out_buffer:
            self.close()

    def handle_close(self):
        # The end of stream, or an error. The original closes at once and loses pending output.
        # Here it is still sent; when that fails, this is called a second time.
        if self.ended or not self.out_buffer:
            self.close()
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
        EchoHandler(connection)

    def handle_error(self):
        pass  # out of descriptors, say: the original would close the listener


options = start.arguments()
start.exit_on_signals()
server = EchoServer(options.host, options.port)
start.announce(server.socket)
asyncore.loop()
