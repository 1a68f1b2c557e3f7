class Echo(protocol.Protocol):
    def dataReceived(self, data):
        # A stream server: it doesn't look for the end of a line.
        # A line server subclasses LineReceiver instead.
        self.transport.write(data)
