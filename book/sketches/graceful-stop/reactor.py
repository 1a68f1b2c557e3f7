from twisted.internet import defer, reactor


def flush(factory, listening_port):
    """reactor.stop drops what is pending. This runs first."""
    listening_port.stopListening()
    for echo in factory.protocols:
        echo.transport.loseConnection()  # Sends what was written, then closes.
    return defer.DeferredList([echo.lost for echo in factory.protocols])


def install(factory, listening_port):
    reactor.addSystemEventTrigger(
        "before", "shutdown", flush, factory, listening_port)
