class Chat:
    """asynchat calls found_terminator for each line."""

    def handle_read(self):
        self.in_buffer += self.recv(4096)
        while b"\n" in self.in_buffer:
            line, rest = self.in_buffer.split(b"\n", 1)
            self.in_buffer = rest
            self.collect_incoming_data(line)
            # This can close, and the loop goes on:
            self.found_terminator()

    def found_terminator(self):
        if self.line == b"quit":
            self.close_when_done()
