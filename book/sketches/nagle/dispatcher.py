import asyncore


class EchoHandler(asyncore.dispatcher_with_send):
    def handle_read(self):
        data = self.recv(8192)
        for line in data.splitlines(keepends=True):
            # Each calls initiate_send, which sends:
            self.send(line)
