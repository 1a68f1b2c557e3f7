def handle_read(connection):
    data = connection.socket.recv(8192)
    if not data:
        connection.peer_closed = True
        return
    # A stream server doesn't look for the end of a line.
    connection.pending_output += data
