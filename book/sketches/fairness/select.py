import select


def iterate(sockets, pending):
    """select reports a socket again while bytes are left."""
    to_send = [sock for sock in sockets if pending[sock]]
    readable, writable, _ = select.select(sockets, to_send, [])
    for sock in readable:
        pending[sock] += sock.recv(8192)  # Once: there's no loop here.
    for sock in writable:
        sent = sock.send(pending[sock])
        pending[sock] = pending[sock][sent:]
