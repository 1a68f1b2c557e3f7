import asynchat


class EchoChat(asynchat.async_chat):
    def collect_incoming_data(self, data):
        self.line.append(data)

    def found_terminator(self):
        line, self.line = b"".join(self.line), []
        # Each push calls initiate_send, which sends:
        self.push(line + b"\n")
