def serve(listener):
    connections = set()
    while True:
        inputs = [listener, *connections]
        readable, _, _ = select.select(inputs, [], [])
        for ready in readable:
            if ready is listener:
                connection, _ = listener.accept()
                connection.setblocking(False)
                connections.add(connection)
            elif data := ready.recv(65536):
                ready.send(data)  # It can send less.
            else:
                connections.remove(ready)
                ready.close()
