class Echo(protocol.Protocol):
    def dataReceived(self, data):
        # A stream server doesn't look for a line's end.
        # A line server subclasses LineReceiver instead.
        self.transport.write(data)
