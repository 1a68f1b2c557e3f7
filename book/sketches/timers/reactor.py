class Echo(policies.TimeoutMixin, protocol.Protocol):
    def connectionMade(self):
        self.setTimeout(60)  # uses reactor.callLater

    def dataReceived(self, data):
        self.resetTimeout()
        self.transport.write(data)
    # The inherited timeoutConnection() closes it.
