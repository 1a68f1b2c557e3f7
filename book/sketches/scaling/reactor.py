import select


class EPollReactor:
    def __init__(self):
        self.epoll, self.readers = select.epoll(), {}

    def add_reader(self, reader):  # once for each reader
        self.readers[reader.fileno()] = reader
        self.epoll.register(reader, select.EPOLLIN)

    def do_iteration(self, delay):
        # It returns only those that are ready.
        for fd, _ in self.epoll.poll(delay):
            if fd in self.readers:
                self.readers[fd].do_read()
