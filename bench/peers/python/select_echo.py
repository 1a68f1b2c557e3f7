"""An echo server around select: lists of inputs and outputs, and a dict of pending bytes.

The textbook's loop, with what it usually leaves out: `send` can take only a part, a reset is an
exception, and reading must stop while a client doesn't read.
"""

import select
import socket

import start

READ_SIZE = 64 * 1024
FD_SETSIZE = 1024  # given a descriptor beyond it select raises, for all connections


def accept():
    connection, _ = listener.accept()
    if connection.fileno() >= FD_SETSIZE:
        connection.close()
        return
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    inputs.append(connection)


def read(connection):
    data = connection.recv(READ_SIZE)
    if not data:
        close(connection)  # nothing is pending, or it would not be among the inputs
        return
    pending[connection] = data
    inputs.remove(connection)  # until all of it is sent: that bounds what is kept
    outputs.append(connection)


def write(connection):
    sent = connection.send(pending[connection])
    pending[connection] = pending[connection][sent:]
    if not pending[connection]:
        del pending[connection]
        outputs.remove(connection)
        inputs.append(connection)


def close(connection):
    (outputs if connection in pending else inputs).remove(connection)
    pending.pop(connection, None)
    connection.close()


options = start.arguments()
start.exit_on_signals()
listener = socket.create_server((options.host, options.port), backlog=start.BACKLOG)
listener.setblocking(False)
inputs, outputs, pending = [listener], [], {}
start.announce(listener)

while True:
    readable, writable, _ = select.select(inputs, outputs, [])
    for ready in readable + writable:
        try:
            if ready is listener:
                accept()
            elif ready in pending:
                write(ready)
            else:
                read(ready)
        except BlockingIOError:
            pass  # select was wrong, which it may be: wait again
        except OSError:
            if ready is not listener:  # an error costs the connection that has it, and no other
                close(ready)
