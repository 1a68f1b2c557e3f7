import select, signal, socket, time

woken, waker = socket.socketpair()
waker.setblocking(False)
# Python writes the signal's number to this descriptor:
signal.set_wakeup_fd(waker.fileno())
signal.signal(signal.SIGTERM, lambda number, frame: None)


def iterate(server, timeout):
    inputs = [woken, *server.inputs()]
    ready = select.select(inputs, [], [], timeout)
    if woken in ready[0]:
        woken.recv(1)
        server.accept_queue()
        server.listener.close()
        # Flush until then:
        server.stop_at = time.monotonic() + 1
