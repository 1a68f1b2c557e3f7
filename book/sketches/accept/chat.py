# A plain dispatcher:
class ChatServer(asyncore.dispatcher):
    # asyncore accepts one client, and then calls this:
    def handle_accepted(self, sock, addr):
        EchoChat(sock, addr)  # adds itself to the map
