def serve(server):
    while server.is_serving():
        inputs, outputs = server.lists()
        ready = select.select(inputs, outputs, [], server.timeout())
        server.dispatch(ready)
