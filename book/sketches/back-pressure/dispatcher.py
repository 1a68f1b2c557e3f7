class Echo(asyncore.dispatcher_with_send):
    reading_paused = False

    def readable(self):  # the default returns True
        paused = self.reading_paused
        mark = LOW_WATER if paused else HIGH_WATER
        self.reading_paused = len(self.out_buffer) > mark
        return not self.reading_paused

    def handle_read(self):
        data = self.recv(8192)
        if data:
            self.send(data)
