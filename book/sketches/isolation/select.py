def serve_ready(server, inputs):
    for fd in inputs:
        connection = server.connections[fd]
        try:
            connection.handle_read()
        except (BlockingIOError, InterruptedError):
            pass  # not an error of the connection
        except OSError as error:
            server.close(fd, error)  # and the loop goes on
