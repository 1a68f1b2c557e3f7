class EchoChat(asynchat.async_chat):
    def __init__(self, sock):
        super().__init__(sock)
        self.set_terminator(b"\n")
        self.line = b""

    def collect_incoming_data(self, data):
        self.line += data

    def found_terminator(self):
        # async_chat keeps what the kernel refuses.
        self.push(self.line + b"\n")
        self.line = b""
