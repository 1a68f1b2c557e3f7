ChatServer(8881)

# asynchat has no loop of its own. It uses asyncore's:
while asyncore.socket_map:
    asyncore.loop(timeout=1, count=1)
    close_silent_connections(time.monotonic())
