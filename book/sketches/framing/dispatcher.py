class EchoHandler(asyncore.dispatcher_with_send):
    def handle_read(self):
        data = self.recv(8192)
        # A stream server doesn't look for a line's end.
        self.send(data)
