// What both servers in C do before they serve, and what a connection of theirs is.

#define _GNU_SOURCE // accept4
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// What the kernel has not taken yet, of one read. Until it is sent, no more is read: so one read
// is the most that is kept for a client, and a client that does not read costs no more than that.
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

// Whether the call that has just failed is to be tried again at the next event.
static int later(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static int bind_to(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *address;
    int on = 1, wrong = getaddrinfo(host, port, &hints, &address);
    if (wrong) {
        fprintf(stderr, "%s: %s\n", host, gai_strerror(wrong));
        exit(1);
    }
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, 4096) < 0)
        die(host);
    freeaddrinfo(address);
    return fd;
}

// Listens where the command line says (--host, --port; others, such as -q, are ignored), and says
// so on standard output. From now on SIGINT and SIGTERM end the process, with status 0.
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

    int listener = bind_to(host, port);
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char bound[NI_MAXSERV];
    if (getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
        getnameinfo((struct sockaddr *)&address, size, NULL, 0, bound, sizeof bound, NI_NUMERICSERV))
        die("getsockname");
    printf("listening on %s:%s\n", host, bound);
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
