@implementer(interfaces.IHalfCloseableProtocol)
class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

    # The peer's last byte is read:
    def readConnectionLost(self):
        self.transport.loseConnection()  # flushes first

    # Our own stream has ended:
    def writeConnectionLost(self):
        pass
