class EchoServer(asyncore.dispatcher):
    # asyncore calls `accept` once for each event, then this:
    def handle_accepted(self, sock, addr):
        EchoHandler(sock, addr)  # adds itself to the socket map
