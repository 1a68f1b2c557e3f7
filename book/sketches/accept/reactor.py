class EchoFactory(protocol.Factory):
    # Twisted accepts, calls this, then connectionMade:
    def buildProtocol(self, addr):
        return Echo()
