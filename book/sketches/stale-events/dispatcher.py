class Dispatcher:
    """asyncore: recv itself calls handle_close."""

    def recv(self, size):
        data = self.socket.recv(size)
        if not data:
            self.handle_close()
        return data

    def handle_close(self):
        self.close()

    def handle_read(self):
        data = self.recv(8192)
        self.send(data)  # The socket can be closed now.
