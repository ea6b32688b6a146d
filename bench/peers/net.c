#define _GNU_SOURCE
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

enum {
    // Room for all connections of the largest case: where the queue is full, a client's kernel tries again
    // a second later.
    BACKLOG = 4096,
};

void die(const char *what)
{
    perror(what);
    exit(1);
}

static int open_socket(const char *transport, int flags)
{
    const int kind = strcmp(transport, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(strcmp(transport, "unix") == 0 ? AF_UNIX : AF_INET, kind | flags, 0);
    if (fd < 0)
        die("socket");
    return fd;
}

static socklen_t resolve(const char *transport, const char *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (strcmp(transport, "unix") == 0) {
        struct sockaddr_un *local = (struct sockaddr_un *)out;
        if (strlen(address) >= sizeof local->sun_path) {
            fprintf(stderr, "path of %zu bytes, limit %zu: %s\n", strlen(address), sizeof local->sun_path - 1,
                    address);
            exit(1);
        }
        local->sun_family = AF_UNIX;
        strcpy(local->sun_path, address);
        return sizeof *local;
    }
    struct sockaddr_in *internet = (struct sockaddr_in *)out;
    internet->sin_family = AF_INET;
    internet->sin_port = htons((uint16_t)atoi(address));
    internet->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof *internet;
}

// Fails, harmlessly, where there is no TCP below.
static void set_no_delay(int fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int listen_on(const char *transport, const char *address)
{
    const int on = 1;
    struct sockaddr_storage name;
    const socklen_t name_len = resolve(transport, address, &name);
    int fd = open_socket(transport, SOCK_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&name, name_len) < 0)
        die("bind");
    if (strcmp(transport, "udp") != 0 && listen(fd, BACKLOG) < 0)
        die("listen");
    return fd;
}

int connect_to(const char *transport, const char *address)
{
    struct sockaddr_storage name;
    const socklen_t name_len = resolve(transport, address, &name);
    int fd = open_socket(transport, 0);
    if (connect(fd, (const struct sockaddr *)&name, name_len) < 0)
        die("connect");
    set_no_delay(fd);
    return fd;
}

int accept_next(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd >= 0)
        set_no_delay(fd);
    else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        die("accept");
    return fd;
}

void watch(int epoll, int operation, int fd, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};
    if (epoll_ctl(epoll, operation, fd, &event) < 0)
        die("epoll_ctl");
}

void wait_until_writable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLOUT};
    if (poll(&one, 1, -1) < 0 && errno != EINTR)
        die("poll");
}

double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}
