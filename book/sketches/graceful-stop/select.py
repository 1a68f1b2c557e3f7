import select, signal, socket, time

woken, waker = socket.socketpair()
waker.setblocking(False)
signal.set_wakeup_fd(waker.fileno())  # Python writes the signal's number to it.
signal.signal(signal.SIGTERM, lambda number, frame: None)


def iterate(server, timeout):
    readable, _, _ = select.select([woken, *server.inputs()], [], [], timeout)
    if woken in readable:
        woken.recv(1)
        server.accept_queue()
        server.listener.close()
        server.stop_at = time.monotonic() + 1  # Flush until then.
