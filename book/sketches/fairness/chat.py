import asynchat


class EchoChat(asynchat.async_chat):
    ac_in_buffer_size = 65536  # async_chat.handle_read calls recv once, with this.

    def collect_incoming_data(self, data):
        self.line.append(data)

    def found_terminator(self):  # For every line of that one read.
        line, self.line = b"".join(self.line), []
        self.push(line + b"\n")
