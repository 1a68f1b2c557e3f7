// The same server as epoll.c, on select(2): the sets of descriptors go to the kernel and come back
// in each iteration, and each iteration looks at every descriptor.
//
//     cc -O2 -Wall -Wextra -o select select.c

#include "listen.h"
#include <sys/select.h>

static struct pending connections[FD_SETSIZE]; // by descriptor

// A connection is in one of the two: to be read or, while something is pending, to be written.
static fd_set inputs, outputs;

static void finish(int fd)
{
    FD_CLR(fd, &inputs);
    FD_CLR(fd, &outputs);
    free(connections[fd].bytes);
    connections[fd].bytes = NULL;
    close(fd);
}

static void keep(int fd, const char *bytes, size_t size)
{
    char *copy = malloc(size);
    if (!copy)
        die("malloc");
    memcpy(copy, bytes, size);
    connections[fd] = (struct pending){.bytes = copy, .size = size};
    FD_CLR(fd, &inputs);
    FD_SET(fd, &outputs);
}

// One read: a client that floods waits for its turn like all others. The answer is sent at once,
// and nearly always whole.
static void handle_read(int fd)
{
    ssize_t size = recv(fd, buffer, sizeof buffer, 0);
    if (size > 0) {
        ssize_t sent = send(fd, buffer, size, MSG_NOSIGNAL);
        if (sent == size)
            return;
        if (sent < 0 && !later()) {
            finish(fd);
            return;
        }
        sent = sent < 0 ? 0 : sent;
        keep(fd, buffer + sent, size - sent);
    } else if (size == 0 || !later()) {
        finish(fd); // nothing is pending, or it would not have been read
    }
}

static void handle_write(int fd)
{
    struct pending *rest = &connections[fd];
    ssize_t sent = send(fd, rest->bytes + rest->sent, rest->size - rest->sent, MSG_NOSIGNAL);
    if (sent < 0) {
        if (!later())
            finish(fd);
        return;
    }
    rest->sent += sent;
    if (rest->sent == rest->size) {
        free(rest->bytes);
        rest->bytes = NULL;
        FD_CLR(fd, &outputs);
        FD_SET(fd, &inputs);
    }
}

// The highest descriptor that is watched from now on.
static int handle_accept(int listener, int highest)
{
    for (int fd; (fd = accept_one(listener)) >= 0;) {
        if (fd < FD_SETSIZE) { // FD_SET would write beyond the set
            FD_SET(fd, &inputs);
            highest = fd > highest ? fd : highest;
        } else {
            close(fd);
        }
    }
    return highest;
}

int main(int argc, char **argv)
{
    int listener = listen_as_told(argc, argv), highest = listener;
    FD_SET(listener, &inputs);
    for (;;) {
        fd_set readable = inputs, writable = outputs;
        int watched = highest, ready = select(watched + 1, &readable, &writable, NULL, NULL);
        if (ready < 0 && errno != EINTR)
            die("select");
        for (int fd = 0; ready > 0 && fd <= watched; fd++) {
            if (FD_ISSET(fd, &readable)) {
                ready--;
                if (fd == listener)
                    highest = handle_accept(listener, highest);
                else
                    handle_read(fd);
            } else if (FD_ISSET(fd, &writable)) {
                ready--;
                handle_write(fd);
            }
        }
    }
}
