from twisted.internet import defer, reactor


def flush(factory, listening_port):
    """Runs before reactor.stop drops what is pending."""
    listening_port.stopListening()
    for echo in factory.protocols:
        # Sends what was written, then closes:
        echo.transport.loseConnection()
    lost = [echo.lost for echo in factory.protocols]
    return defer.DeferredList(lost)


def install(factory, listening_port):
    reactor.addSystemEventTrigger(
        "before", "shutdown",
        flush, factory, listening_port)
