import errno

LOST = {
    errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN,
    errno.ECONNABORTED, errno.ESHUTDOWN, errno.EBADF,
}


def readwrite(obj):
    try:
        obj.handle_read_event()
    except OSError as error:
        if error.errno in LOST:
            obj.handle_close()
        else:
            obj.handle_error()
    except Exception:  # every bug ends here, too
        obj.handle_error()
