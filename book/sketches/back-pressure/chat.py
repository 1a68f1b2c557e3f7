class Echo(asynchat.async_chat):
    reading_paused = False

    def readable(self):  # the default returns 1
        pending = sum(map(len, self.producer_fifo))
        paused = self.reading_paused
        mark = LOW_WATER if paused else HIGH_WATER
        self.reading_paused = pending > mark
        return not self.reading_paused
