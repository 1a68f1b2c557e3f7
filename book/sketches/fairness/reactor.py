from twisted.internet import protocol


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        # The transport has called recv once, for at most
        # 64 KiB (bufferSize). It reads again in the next
        # iteration.
        self.transport.write(data)
