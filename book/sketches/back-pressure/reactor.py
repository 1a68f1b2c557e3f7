class Echo(protocol.Protocol):
    def connectionMade(self):
        # Twisted pauses reading from this transport once
        # more than 64 KiB is pending, and resumes it when
        # everything is sent.
        transport = self.transport
        transport.registerProducer(transport, True)

    def dataReceived(self, data):
        self.transport.write(data)
