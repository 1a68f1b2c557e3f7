class EchoHandler(asyncore.dispatcher):
    pending = b""

    def handle_read(self):
        self.pending += self.recv(8192)

    def writable(self):
        return bool(self.pending)           # The loop calls this before each wait.

    def handle_write(self):
        sent = self.send(self.pending)      # 0 if the socket's buffer is full.
        self.pending = self.pending[sent:]
