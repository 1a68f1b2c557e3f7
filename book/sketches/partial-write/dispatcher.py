class EchoHandler(asyncore.dispatcher):
    pending = b""

    def handle_read(self):
        self.pending += self.recv(8192)

    # The loop calls this before each wait.
    def writable(self):
        return bool(self.pending)

    def handle_write(self):
        # 0 if the socket's buffer is full.
        sent = self.send(self.pending)
        self.pending = self.pending[sent:]
