def inputs(connections):
    return [
        c for c in connections
        if not c.reading_paused
    ]

def after_read(connection):
    if len(connection.pending) > HIGH_WATER:
        connection.reading_paused = True

def after_write(connection):
    if len(connection.pending) <= LOW_WATER:
        connection.reading_paused = False
