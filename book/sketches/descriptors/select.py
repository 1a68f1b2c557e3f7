def lists(server):
    connections = server.connections
    inputs = [c for c in connections if c.readable()]
    # It's False from EMFILE until retry_at.
    if server.may_accept:
        inputs.append(server.listener)
    return inputs

def accept_failed(server, error):
    server.may_accept = False
    server.retry_at = time.monotonic() + 0.5
