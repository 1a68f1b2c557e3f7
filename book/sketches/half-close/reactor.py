@implementer(interfaces.IHalfCloseableProtocol)
class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

    def readConnectionLost(self):        # the peer's last byte is read
        self.transport.loseConnection()  # flushes, then closes

    def writeConnectionLost(self):       # the end of our own stream
        pass
