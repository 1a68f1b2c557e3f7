class Echo(protocol.Protocol):
    # Twisted's transport calls recv. It returns on
    # EWOULDBLOCK, and calls this method otherwise.
    def dataReceived(self, data):
        self.transport.write(data)
