import sys


def do_read_or_write(reactor, selectable, method):
    """Twisted's select reactor, for each ready descriptor."""
    try:
        why = getattr(selectable, method)()
    except Exception:
        why = sys.exc_info()[1]
        reactor.log(why)
    if why:
        reactor.disconnect(selectable, why)  # calls connection_lost(why)
