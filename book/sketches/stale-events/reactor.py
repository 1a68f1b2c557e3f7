class Transport:
    """Twisted: loseConnection only records a request."""

    def lose_connection(self):
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self.reactor.add_writer(self)

    def do_write(self):  # called by the reactor
        self.send_pending()
        if self.disconnecting and not self.pending:
            # The reactor then calls connection_lost.
            return CONNECTION_DONE


CONNECTION_DONE = "done"
