def serve_ready(server, inputs):
    for fd in inputs:
        connection = server.connections[fd]
        try:
            connection.handle_read()
        except (BlockingIOError, InterruptedError):
            pass  # The connection is fine.
        except OSError as error:
            server.close(fd, error)  # The loop goes on.
