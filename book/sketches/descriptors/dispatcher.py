class EchoServer(asyncore.dispatcher):
    retry_at = 0

    def readable(self):  # asyncore calls this before each wait
        return time.monotonic() >= self.retry_at

    def handle_error(self):
        # By default, asyncore closes the listener here.
        self.retry_at = time.monotonic() + 0.5
