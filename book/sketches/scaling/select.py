import select


def wait(listener, connections):
    """Builds both lists before every wait."""
    inputs = [listener]
    outputs = []
    for connection in connections:
        if connection.readable():
            inputs.append(connection)
        if connection.writable():
            outputs.append(connection)
    return select.select(inputs, outputs, [])
