# Twisted does it for you: at EMFILE, it closes a spare
# descriptor, accepts waiting clients, and closes them.
# In your own code, you can pause the port yourself:
def out_of_descriptors(port):
    port.pauseProducing()  # stops watching the listener
    reactor.callLater(0.5, port.resumeProducing)
