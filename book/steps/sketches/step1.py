def serve(listener):
    connections = set()
    while True:
        readable, _, _ = select.select([listener, *connections], [], [])
        for ready in readable:
            if ready is listener:
                connection, _ = listener.accept()
                connection.setblocking(False)
                connections.add(connection)
            elif data := ready.recv(65536):
                ready.send(data)  # It can send less than all.
            else:
                connections.remove(ready)
                ready.close()
