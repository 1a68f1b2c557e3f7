def timeout(server):
    if not server.connections:
        return None  # select waits until a socket is ready
    deadlines = [c.last_active + 60 for c in server.connections.values()]
    return max(0, min(deadlines) - time.monotonic())
