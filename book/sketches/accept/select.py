def accept(server, most=64):
    for _ in range(most):
        try:
            sock, peer = server.listener.accept()
        except BlockingIOError:
            return  # The queue is empty.
        except ConnectionAbortedError:
            continue  # The error of one connection.
        except OSError as error:
            # It would fail again.
            return server.back_off(error)
        sock.setblocking(False)
        server.connections[sock] = Connection(sock, peer)
