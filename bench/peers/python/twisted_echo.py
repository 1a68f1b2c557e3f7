"""An echo server of Twisted's protocols. The reactor is the system's default: epoll on Linux."""

from twisted.internet import reactor
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

import start


@implementer(IHalfCloseableProtocol)
class Echo(Protocol):
    def connectionMade(self):
        self.transport.setTcpNoDelay(True)
        # Back-pressure: while the transport has more than 64 KiB to send, it pauses its producer,
        # which is its own reading.
        self.transport.registerProducer(self.transport, True)

    def dataReceived(self, data):
        self.transport.write(data)

    def readConnectionLost(self):
        # Without this half, the end of the peer's stream discards the output that isn't sent yet.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def writeConnectionLost(self):
        pass  # only we could have ended it


options = start.arguments()
port = reactor.listenTCP(
    options.port, Factory.forProtocol(Echo), backlog=start.BACKLOG, interface=options.host
)
start.announce(port)
reactor.run()  # until SIGINT or SIGTERM
