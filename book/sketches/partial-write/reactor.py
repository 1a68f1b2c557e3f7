class Echo(Protocol):
    def dataReceived(self, data):
        self.transport.write(data)          # The transport keeps what the kernel refuses.
