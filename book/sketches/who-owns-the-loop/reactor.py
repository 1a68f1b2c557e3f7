reactor.listenTCP(8881, EchoFactory())
reactor.run()  # the `while` is in here, until reactor.stop()
