class ChatServer(asyncore.dispatcher):  # a plain dispatcher
    # asyncore calls `accept` once for each event, then this:
    def handle_accepted(self, sock, addr):
        EchoChat(sock, addr)  # adds itself to the socket map
