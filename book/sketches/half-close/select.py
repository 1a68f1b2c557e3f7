def handle_read(connection):
    data = connection.socket.recv(65536)
    if not data:
        connection.peer_closed = True
    connection.pending += data
    close_if_done(connection)

def handle_write(connection):
    sent = connection.socket.send(connection.pending)
    del connection.pending[:sent]
    close_if_done(connection)

def close_if_done(connection):
    if connection.peer_closed and not connection.pending:
        connection.socket.close()
