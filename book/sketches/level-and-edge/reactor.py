class Transport:
    """Twisted's epoll reactor uses levels, and registers interest."""

    def write(self, data):
        self.pending += data
        self.reactor.add_writer(self)

    def do_write(self):
        sent = self.socket.send(self.pending)
        self.pending = self.pending[sent:]
        if not self.pending:
            self.reactor.remove_writer(self)  # or the loop would spin
