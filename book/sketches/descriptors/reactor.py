# Twisted does it for you: at EMFILE, it closes a descriptor that it keeps
# in reserve, accepts the waiting clients, and closes them. What you can do
# in your own code is to pause the port yourself:
def out_of_descriptors(port):
    port.pauseProducing()  # stops watching the listener
    reactor.callLater(0.5, port.resumeProducing)
