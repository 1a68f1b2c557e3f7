class ChatServer(asyncore.dispatcher):
    retry_at = 0

    def readable(self):  # called before each wait
        return time.monotonic() >= self.retry_at

    def handle_error(self):
        # By default, asyncore closes the listener here.
        # The loop has to wake up by then:
        # asyncore.loop(timeout=0.5)
        self.retry_at = time.monotonic() + 0.5
