class Echo(Protocol):
    def dataReceived(self, data):
        # The transport keeps what the kernel refuses.
        self.transport.write(data)
