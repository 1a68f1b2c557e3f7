class EchoServer(asyncore.dispatcher):
    # asyncore accepts one client, and then calls this:
    def handle_accepted(self, sock, addr):
        EchoHandler(sock, addr)  # adds itself to the map
