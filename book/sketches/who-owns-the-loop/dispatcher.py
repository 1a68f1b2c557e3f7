EchoServer(8881)

# asyncore contains a loop ...
asyncore.loop()

# ... or you write the `while`, and it runs one iteration:
while asyncore.socket_map:
    asyncore.loop(timeout=1, count=1)
    close_silent_connections(time.monotonic())
