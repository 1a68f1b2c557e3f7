import select


def poll(socket_map, timeout):
    """asyncore calls both methods of every object, before every wait."""
    r = [fd for fd, obj in socket_map.items() if obj.readable()]
    w = [fd for fd, obj in socket_map.items() if obj.writable()]
    r, w, _ = select.select(r, w, [], timeout)
    for fd in r:
        if fd in socket_map:
            socket_map[fd].handle_read_event()
    for fd in w:
        if fd in socket_map:
            socket_map[fd].handle_write_event()
