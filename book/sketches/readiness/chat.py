class Echo(asynchat.async_chat):
    # asynchat's own handle_read calls recv. It returns on
    # BlockingIOError, and otherwise calls these methods.
    def collect_incoming_data(self, data):
        self.line.append(data)

    def found_terminator(self):
        self.push(b"".join(self.line) + b"\n")
        self.line = []
