from twisted.protocols.basic import LineReceiver


class Echo(LineReceiver):
    delimiter = b"\n"

    def connectionMade(self):
        self.transport.setTcpNoDelay(True)

    def lineReceived(self, line):
        # sendLine queues. The reactor sends all lines of
        # one read together.
        self.sendLine(line)
