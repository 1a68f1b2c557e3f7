class EchoFactory(protocol.Factory):
    # Twisted calls `accept`, then this, then connectionMade:
    def buildProtocol(self, addr):
        return Echo()
