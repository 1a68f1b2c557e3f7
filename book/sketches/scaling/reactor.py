import select


class EPollReactor:
    def __init__(self):
        self.epoll, self.readers = select.epoll(), {}

    def add_reader(self, reader):  # once, not for each wait
        self.readers[reader.fileno()] = reader
        self.epoll.register(reader, select.EPOLLIN)

    def do_iteration(self, delay):
        for fd, _ in self.epoll.poll(delay):  # only those that are ready
            if fd in self.readers:
                self.readers[fd].do_read()
