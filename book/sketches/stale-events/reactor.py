class Transport:
    """Twisted: loseConnection records a request, and the reactor closes later."""

    def lose_connection(self):
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self.reactor.add_writer(self)

    def do_write(self):  # called by the reactor
        self.send_pending()
        if self.disconnecting and not self.pending:
            return CONNECTION_DONE  # the reactor calls connection_lost


CONNECTION_DONE = "done"
