def timeout(server):
    if not server.connections:
        return None  # Wait until a socket is ready.
    deadlines = [
        connection.last_active + 60
        for connection in server.connections.values()
    ]
    return max(0, min(deadlines) - time.monotonic())
