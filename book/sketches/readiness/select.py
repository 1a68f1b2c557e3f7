def handle_read(connection):
    try:
        data = connection.socket.recv(65536)
    except BlockingIOError:
        return  # not readable after all
    if data:
        connection.pending += data
    else:  # b"": the end of the stream
        connection.peer_closed = True
