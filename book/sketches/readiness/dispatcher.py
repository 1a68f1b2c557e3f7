class Echo(asyncore.dispatcher_with_send):
    def handle_read(self):
        # recv raises BlockingIOError if there's nothing
        # to read. asyncore's loop calls handle_error for
        # it, and that closes the channel by default. So
        # you have to catch it here.
        try:
            data = self.recv(8192)
        except BlockingIOError:
            return
        self.send(data)
