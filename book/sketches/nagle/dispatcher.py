import asyncore


class EchoHandler(asyncore.dispatcher_with_send):
    def handle_read(self):
        for line in self.recv(8192).splitlines(keepends=True):
            self.send(line)  # Each calls initiate_send, and so socket.send.
