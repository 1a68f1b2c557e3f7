def lists(server):
    inputs = [c for c in server.connections if c.readable()]
    if server.may_accept:  # False from EMFILE until retry_at
        inputs.append(server.listener)
    return inputs

def accept_failed(server, error):
    server.may_accept = False
    server.retry_at = time.monotonic() + 0.5
