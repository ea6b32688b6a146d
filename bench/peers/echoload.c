// Load for an echo server: ping-pong, one message in flight per connection.
//
//     echoload PORT CONNECTIONS BYTES SECONDS
//
// Prints "MESSAGES RATE STARVED": whole messages that came back, messages per second, and how many
// connections got none back. A connection that closes, or brings back more than was sent, ends the
// run with a message and status 1. Whether the bytes are the right ones is checked before, not here.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_EVENTS = 1024,
    READ_BYTES = 1 << 20,
    // Turns wait no longer than this, so that a stalled server cannot make the run overstay.
    TURN_MS = 100,
};

struct connection {
    int fd;
    size_t sent;       // bytes of the message in flight handed to the kernel
    size_t received;   // bytes of it that came back
    long messages;     // whole messages that came back
};

static int epoll;
static char *message;
static size_t message_len;
static char in[READ_BYTES];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void watch(struct connection *c, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll, operation, c->fd, &event) < 0)
        die("epoll_ctl");
}

static void open_connection(struct connection *c, int port)
{
    const int on = 1;
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

static void send_rest(struct connection *c)
{
    ssize_t n = send(c->fd, message + c->sent, message_len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        die("send");
    if (n > 0)
        c->sent += (size_t)n;
}

static void send_message(struct connection *c)
{
    c->sent = 0;
    c->received = 0;
    send_rest(c);
    if (c->sent < message_len)
        watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void on_writable(struct connection *c)
{
    if (c->sent == message_len)
        return;
    send_rest(c);
    if (c->sent == message_len)
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

static void on_readable(struct connection *c)
{
    ssize_t n = recv(c->fd, in, sizeof in, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0)
        die("recv");
    if (n == 0) {
        fprintf(stderr, "the server closed a connection\n");
        exit(1);
    }
    c->received += (size_t)n;
    if (c->received > c->sent) {
        fprintf(stderr, "%zu bytes came back of %zu sent\n", c->received, c->sent);
        exit(1);
    }
    if (c->received == message_len) {
        c->messages++;
        send_message(c);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: echoload PORT CONNECTIONS BYTES SECONDS\n");
        return 2;
    }
    const int port = atoi(argv[1]), connections = atoi(argv[2]);
    const double seconds = atof(argv[4]);
    message_len = (size_t)atol(argv[3]);
    if (connections < 1 || message_len < 1) {
        fprintf(stderr, "echoload: connections and bytes must be at least 1\n");
        return 2;
    }
    message = malloc(message_len);
    struct connection *all = calloc((size_t)connections, sizeof *all);
    if (message == NULL || all == NULL)
        die("malloc");
    memset(message, 'x', message_len);
    epoll = epoll_create1(0);
    if (epoll < 0)
        die("epoll_create1");

    for (int i = 0; i < connections; i++)
        open_connection(&all[i], port);
    for (int i = 0; i < connections; i++)
        send_message(&all[i]);

    struct epoll_event events[MAX_EVENTS];
    const double start = now();
    while (now() - start < seconds) {
        int ready = epoll_wait(epoll, events, MAX_EVENTS, TURN_MS);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                on_writable(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                on_readable(c);
        }
    }
    const double elapsed = now() - start;

    long messages = 0;
    int starved = 0;
    for (int i = 0; i < connections; i++) {
        messages += all[i].messages;
        starved += all[i].messages == 0;
    }
    printf("%ld %.0f %d\n", messages, (double)messages / elapsed, starved);
    return 0;
}
