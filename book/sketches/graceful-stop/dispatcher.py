import asyncore
import signal


def stop(number, frame):
    raise asyncore.ExitNow  # It ends asyncore.loop().


def serve():
    signal.signal(signal.SIGTERM, stop)
    try:
        asyncore.loop()
    except asyncore.ExitNow:
        asyncore.close_all()  # At once: pending output is lost.
