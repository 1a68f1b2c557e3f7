def handle_read(connection, pending):
    if data := connection.recv(65536):
        pending[connection] += data
        handle_write(connection, pending)
    else:
        pending.pop(connection, None)
        connection.close()

def handle_write(connection, pending):
    try:
        sent = connection.send(pending[connection])
        del pending[connection][:sent]
    except BlockingIOError:
        pass  # Not now.
