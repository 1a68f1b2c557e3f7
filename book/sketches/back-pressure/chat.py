class Echo(asynchat.async_chat):
    reading_paused = False

    def readable(self):              # the default returns 1
        pending = sum(len(data) for data in self.producer_fifo)
        mark = LOW_WATER if self.reading_paused else HIGH_WATER
        self.reading_paused = pending > mark
        return not self.reading_paused
