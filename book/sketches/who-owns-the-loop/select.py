def serve(server):
    while server.is_serving():
        inputs, outputs = server.lists()
        wait = server.timeout()
        ready = select.select(inputs, outputs, [], wait)
        server.dispatch(ready)
