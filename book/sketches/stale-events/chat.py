class Chat:
    """asynchat: splits what was read, and calls found_terminator for each line."""

    def handle_read(self):
        self.in_buffer += self.recv(4096)
        while b"\n" in self.in_buffer:
            line, self.in_buffer = self.in_buffer.split(b"\n", 1)
            self.collect_incoming_data(line)
            self.found_terminator()  # can close, and the loop goes on

    def found_terminator(self):
        if self.line == b"quit":
            self.close_when_done()
