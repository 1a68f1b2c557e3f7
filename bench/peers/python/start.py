"""What the peers in Python do before they serve: the command line, and the first line of output."""

import argparse
import os
import signal
import socket
import sys

BACKLOG = 4096  # connections that may wait in the kernel to be accepted


def arguments():
    """--host and --port of the command line. A port of 0 lets the system pick one."""
    parser = argparse.ArgumentParser(description="An echo server to compare with")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8881)
    parser.add_argument("-q", action="count", help="accepted and ignored: a peer logs nothing")
    return parser.parse_args()


def announce(listener):
    """Prints that the server listens now. Gives the listening socket the same congestion control
    as all others here: accepted sockets inherit it."""
    with socket.socket(fileno=os.dup(listener.fileno())) as same:
        if hasattr(socket, "TCP_CONGESTION"):
            same.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
        host, port = same.getsockname()[:2]
    print(f"listening on {host}:{port}", flush=True)


def exit_on_signals():
    """From now on SIGINT and SIGTERM end the process, with status 0."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: sys.exit(0))
