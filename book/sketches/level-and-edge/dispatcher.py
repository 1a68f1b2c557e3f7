class EchoHandler:
    """asyncore calls readable() and writable() before every wait."""

    def readable(self):
        return True

    def writable(self):  # always true would make the loop spin
        return len(self.out_buffer) > 0

    def handle_write(self):
        sent = self.send(self.out_buffer)
        self.out_buffer = self.out_buffer[sent:]
