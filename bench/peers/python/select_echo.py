"""An echo server around select: lists of inputs and outputs, and a dict of pending bytes.

The textbook's loop, with what it usually leaves out: `send` may take only a part, a reset is an
exception, and whoever does not read must not be read from.
"""

import select
import socket

import start

READ_SIZE = 64 * 1024


def close(connection):
    """Forgets a connection, wherever it is."""
    for sockets in (inputs, outputs):
        if connection in sockets:
            sockets.remove(connection)
    pending.pop(connection, None)
    connection.close()


def handle_accept():
    try:
        connection, _ = listener.accept()
    except OSError:
        return  # it has left again, or descriptors are out
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    inputs.append(connection)


def handle_read(connection):
    data = connection.recv(READ_SIZE)
    if not data:
        close(connection)  # nothing is pending, or it would not be among the inputs
        return
    pending[connection] = data
    inputs.remove(connection)  # until all of it is sent: that bounds what is kept
    outputs.append(connection)


def handle_write(connection):
    sent = connection.send(pending[connection])
    pending[connection] = pending[connection][sent:]
    if not pending[connection]:
        del pending[connection]
        outputs.remove(connection)
        inputs.append(connection)


def guarded(handle, connection):
    """An error costs the connection that has it, and no other."""
    try:
        handle(connection)
    except BlockingIOError:
        pass  # select was wrong, which it may be: wait again
    except OSError:
        close(connection)


options = start.arguments()
start.exit_on_signals()
listener = socket.create_server((options.host, options.port), backlog=start.BACKLOG)
listener.setblocking(False)
inputs, outputs, pending = [listener], [], {}
start.announce(*listener.getsockname()[:2])

while True:
    readable, writable, _ = select.select(inputs, outputs, [])
    for ready in readable:
        if ready is listener:
            handle_accept()
        else:
            guarded(handle_read, ready)
    for ready in writable:
        guarded(handle_write, ready)
