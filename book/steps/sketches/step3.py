def handle_read(connection, pending, ended):
    if data := connection.recv(65536):
        pending[connection] += data
    else:
        ended.add(connection)  # It still reads.
    handle_write(connection, pending, ended)

def handle_write(connection, pending, ended):
    if pending[connection]:
        sent = connection.send(pending[connection])
        del pending[connection][:sent]
    if connection in ended and not pending[connection]:
        del pending[connection]
        connection.close()
