import asynchat
import asyncore


def stop():
    """asynchat has no stop. close_when_done comes close: it flushes first."""
    for channel in list(asyncore.socket_map.values()):
        if isinstance(channel, asynchat.async_chat):
            channel.close_when_done()
        else:
            channel.close()  # The listener, and with it the accept queue.
