class Echo(protocol.Protocol):
    def connectionMade(self):
        # Twisted pauses the reading of this transport once more than
        # 64 KiB is pending, and resumes it when everything is sent.
        self.transport.registerProducer(self.transport, True)

    def dataReceived(self, data):
        self.transport.write(data)
