class Connection:
    def readable(self):
        return self.open and not self.reading_paused

    def writable(self):
        return len(self.pending_output) > 0


def lists(connections):
    """Made again for every wait. Nothing is kept."""
    inputs = [c for c in connections if c.readable()]
    outputs = [c for c in connections if c.writable()]
    return inputs, outputs, []
