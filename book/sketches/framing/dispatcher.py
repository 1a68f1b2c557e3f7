class EchoHandler(asyncore.dispatcher_with_send):
    def handle_read(self):
        data = self.recv(8192)
        # A stream server: it doesn't look for the end of a line.
        self.send(data)
