class Transport:
    """Twisted's epoll reactor uses levels."""

    def write(self, data):
        self.pending += data
        self.reactor.add_writer(self)

    def do_write(self):
        sent = self.socket.send(self.pending)
        self.pending = self.pending[sent:]
        if not self.pending:
            # Without this, the loop would spin:
            self.reactor.remove_writer(self)
