class Echo(asyncore.dispatcher_with_send):
    peer_closed = False
    def readable(self): return not self.peer_closed
    def handle_read(self):
        # At the end, recv calls handle_close.
        data = self.recv(8192)
        if data:
            self.send(data)
    def handle_close(self):  # the default closes at once
        if self.peer_closed or not self.out_buffer:
            self.close()
        self.peer_closed = True
    def handle_write(self):
        self.initiate_send()
        if self.peer_closed and not self.out_buffer:
            self.close()
