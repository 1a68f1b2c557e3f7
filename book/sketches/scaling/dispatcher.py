import select


def poll(socket_map, timeout):
    """asyncore calls every object before every wait."""
    r, w = [], []
    for fd, obj in socket_map.items():
        if obj.readable():
            r.append(fd)
        if obj.writable():
            w.append(fd)
    r, w, _ = select.select(r, w, [], timeout)
    for fd in r:
        if fd in socket_map:
            socket_map[fd].handle_read_event()
    for fd in w:
        if fd in socket_map:
            socket_map[fd].handle_write_event()
