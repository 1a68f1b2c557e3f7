import asyncore


class EchoHandler(asyncore.dispatcher_with_send):
    def handle_read(self):
        # It reads once. asyncore waits with select or
        # poll, which report the socket again while bytes
        # are left, so its loop keeps no list of its own.
        self.send(self.recv(8192))
