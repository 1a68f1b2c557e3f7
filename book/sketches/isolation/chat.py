class EchoChat:
    """asynchat: a read's error goes to handle_error."""

    def handle_read(self):
        try:
            data = self.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            self.handle_error()
            return
        self.split(data)
