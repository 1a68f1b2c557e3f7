class Dispatcher:
    """asyncore: recv calls handle_close, inside handle_read."""

    def recv(self, size):
        data = self.socket.recv(size)
        if not data:
            self.handle_close()
        return data

    def handle_close(self):
        self.close()

    def handle_read(self):
        self.send(self.recv(8192))  # the socket can be closed by now
