def dispatch(server, inputs, outputs):
    for fd in outputs:
        if connection := server.connections.get(fd):
            if connection.handle_write() == "closed":
                server.close(fd)
    for fd in inputs:
        if connection := server.connections.get(fd):
            if connection.handle_read() == "closed":
                server.close(fd)
    # Last, since a new client can get a descriptor that
    # was closed above.
    if server.listener.fileno() in inputs:
        server.accept()
