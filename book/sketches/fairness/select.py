import select


def iterate(sockets, pending):
    """select reports a socket while bytes are left."""
    to_send = [sock for sock in sockets if pending[sock]]
    ready = select.select(sockets, to_send, [])
    readable, writable, _ = ready
    for sock in readable:
        # Once: there's no loop here.
        pending[sock] += sock.recv(8192)
    for sock in writable:
        sent = sock.send(pending[sock])
        pending[sock] = pending[sock][sent:]
