reactor.listenTCP(8881, EchoFactory())
# The `while` is in here, until reactor.stop():
reactor.run()
