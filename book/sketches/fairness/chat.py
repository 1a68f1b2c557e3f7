import asynchat


class EchoChat(asynchat.async_chat):
    # async_chat.handle_read calls recv once, with this:
    ac_in_buffer_size = 65536

    def collect_incoming_data(self, data):
        self.line.append(data)

    # This runs for every line of that one read.
    def found_terminator(self):
        line, self.line = b"".join(self.line), []
        self.push(line + b"\n")
