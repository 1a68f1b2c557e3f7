import asyncore
import signal


def stop(number, frame):
    raise asyncore.ExitNow  # It ends asyncore.loop().


def serve():
    signal.signal(signal.SIGTERM, stop)
    try:
        asyncore.loop()
    except asyncore.ExitNow:
        # At once: pending output is lost.
        asyncore.close_all()
