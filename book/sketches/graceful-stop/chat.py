import asynchat
import asyncore


def stop():
    """asynchat has no stop, but it can flush first."""
    for channel in list(asyncore.socket_map.values()):
        if isinstance(channel, asynchat.async_chat):
            channel.close_when_done()
        else:
            # The listener, and with it the accept queue:
            channel.close()
