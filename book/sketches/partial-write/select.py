def handle_read(conn):
    conn.pending += conn.sock.recv(65536)
    handle_write(conn)    # Try at once.

def handle_write(conn):
    try:
        sent = conn.sock.send(conn.pending)
    except BlockingIOError:
        return    # The socket's buffer is full.
    conn.pending = conn.pending[sent:]

def wait():
    outputs = [c for c in connections if c.pending]
    return select.select(connections, outputs, [])
