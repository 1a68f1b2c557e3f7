class EchoHandler:
    """asyncore calls the first two before every wait."""

    def readable(self):
        return True

    # If this were always true, the loop would spin.
    def writable(self):
        return len(self.out_buffer) > 0

    def handle_write(self):
        sent = self.send(self.out_buffer)
        self.out_buffer = self.out_buffer[sent:]
