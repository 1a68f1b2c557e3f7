// What both servers in C do before they serve, and the state of their connections.

#define _GNU_SOURCE // accept4
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// What the kernel has not taken yet, of one read. Until it is sent, no more is read: so the server
// keeps at most one read per client, and a client that does not read costs no more than that.
struct pending {
    char *bytes; // NULL: nothing is pending
    size_t sent, size;
};

static char buffer[64 * 1024]; // the one read buffer

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void quit(int signal)
{
    (void)signal;
    _exit(0);
}

// Whether to try the call that has just failed again at the next event.
static int later(void)
{
    return errno == EAGAIN || errno == EINTR;
}

// Listens where the command line says (--host, an IPv4 address, and --port; others, such as -q, are
// ignored), and prints the address on standard output. From now on, SIGINT and SIGTERM end the
// process with status 0.
static int listen_as_told(int argc, char **argv)
{
    const char *host = "127.0.0.1", *port = "8881";
    for (int i = 1; i + 1 < argc; i++) {
        if (!strcmp(argv[i], "--host"))
            host = argv[++i];
        else if (!strcmp(argv[i], "--port"))
            port = argv[++i];
    }
    signal(SIGINT, quit);
    signal(SIGTERM, quit);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    socklen_t size = sizeof address;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        fprintf(stderr, "%s: not an IPv4 address\n", host);
        exit(1);
    }
#ifdef TCP_CONGESTION
    // The same as all others here; accepted sockets inherit it. Without it, the default is used.
    setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
#endif
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 4096) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        die(host);
    printf("listening on %s:%d\n", host, ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

// The next client's socket, or -1. (Out of descriptors, it stays -1 while the listener stays
// ready: the loops here then spin until a client leaves. A server would stop watching it.)
static int accept_one(int listener)
{
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}
