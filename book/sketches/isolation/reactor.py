import sys


def do_read_or_write(reactor, selectable, method):
    """Twisted's select reactor, for a ready socket."""
    try:
        why = getattr(selectable, method)()
    except Exception:
        why = sys.exc_info()[1]
        reactor.log(why)
    if why:
        # It calls connection_lost(why).
        reactor.disconnect(selectable, why)
