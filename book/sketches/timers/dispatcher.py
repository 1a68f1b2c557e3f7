# asyncore has no timers. You look at the clock between
# two iterations.
while asyncore.socket_map:
    asyncore.loop(timeout=6, count=1)
    now = time.monotonic()
    for channel in list(asyncore.socket_map.values()):
        if isinstance(channel, EchoHandler):
            if now - channel.last_active > 60:
                channel.close()
