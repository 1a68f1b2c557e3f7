// A TCP echo server on epoll(7), level-triggered, in plain C: the floor. There is nothing between
// its code and the kernel, so the extra cost of another server is the price of that server's style.
//
//     cc -O2 -Wall -Wextra -o epoll epoll.c

#include "listen.h"
#include <sys/epoll.h>

enum { DESCRIPTORS = 1 << 16, EVENTS = 1024 };

static struct pending connections[DESCRIPTORS]; // by descriptor
static int poller;

// A connection is watched either for reading or, while something is pending, for writing.
static void watch(int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(poller, operation, fd, &event) < 0)
        die("epoll_ctl");
}

static void finish(int fd)
{
    free(connections[fd].bytes);
    connections[fd].bytes = NULL;
    close(fd); // which also stops watching it
}

static void keep(int fd, const char *bytes, size_t size)
{
    char *copy = malloc(size);
    if (!copy)
        die("malloc");
    memcpy(copy, bytes, size);
    connections[fd] = (struct pending){.bytes = copy, .size = size};
    watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
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
        watch(EPOLL_CTL_MOD, fd, EPOLLIN);
    }
}

static void handle_accept(int listener)
{
    for (int fd; (fd = accept_one(listener)) >= 0;) {
        if (fd < DESCRIPTORS)
            watch(EPOLL_CTL_ADD, fd, EPOLLIN);
        else
            close(fd);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int listener = listen_as_told(argc, argv);
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0)
        die("epoll_create1");
    watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                handle_accept(fd);
            else if (connections[fd].bytes)
                handle_write(fd);
            else
                handle_read(fd);
        }
    }
}
