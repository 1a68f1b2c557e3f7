class Echo(asynchat.async_chat):
    peer_closed = False

    def readable(self):
        return not self.peer_closed

    def handle_close(self):  # the default closes at once
        if self.peer_closed:
            self.close()  # everything is sent
        else:
            self.peer_closed = True
            # It calls handle_close again when done.
            self.close_when_done()
