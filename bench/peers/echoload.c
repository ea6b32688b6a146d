// Load for an echo server: ping-pong, one message in flight per connection.
//
//     echoload TRANSPORT ADDRESS CONNECTIONS BYTES SECONDS
//     echoload hold TRANSPORT ADDRESS CONNECTIONS
//
// TRANSPORT is tcp, unix or udp; in echoload-tls, tls. The first form prints "MESSAGES RATE STARVED LOST":
// whole messages that came back, messages per second, how many connections got none back, and how many
// datagrams were sent again and came back no more often for that. A connection that closes, or brings back
// more than was sent, ends the run with a message and status 1. Whether the bytes are the right ones is
// checked before, not here.
//
// The second opens connections that send nothing, prints "held", and keeps them until its input ends.

#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "channel.h"
#include "net.h"

enum {
    MAX_EVENTS = 1024,
    READ_BYTES = 1 << 20,
    // Turns wait no longer than this, so that a stalled server cannot make the run overstay.
    TURN_MS = 100,
};

// On loopback an answer takes microseconds; a server that lets one wait longer than this has lost it.
static const double RESEND_SECONDS = 0.25;

struct connection {
    struct channel channel;
    size_t sent;        // bytes of the message in flight handed to the kernel
    size_t received;    // bytes of it that came back
    long messages;      // whole messages that came back
    double sent_at;     // the turn a datagram was sent in
    uint64_t sequence;  // of the datagram in flight; its first bytes
};

static int epoll;
static bool datagrams;
static char *message;
static size_t message_len;
static char in[READ_BYTES];
static double turn;        // when this turn began
static long resent;        // datagrams sent again
static long duplicates;    // answers to a datagram that had been answered

static void open_connection(struct connection *c, const char *transport, const char *address)
{
    channel_open(&c->channel, transport, address);
    watch(epoll, EPOLL_CTL_ADD, c->channel.fd, EPOLLIN, c);
}

static void send_rest(struct connection *c)
{
    ssize_t n = channel_send(&c->channel, message + c->sent, message_len - c->sent);
    if (n < 0 && errno != EAGAIN)
        die("send");
    if (n > 0)
        c->sent += (size_t)n;
}

static void send_datagram(struct connection *c)
{
    c->sent = 0;
    c->sent_at = turn;
    memcpy(message, &c->sequence, sizeof c->sequence);
    // One that the kernel does not take now is sent again later, like one that got lost.
    send_rest(c);
}

static void send_message(struct connection *c)
{
    c->received = 0;
    if (datagrams) {
        c->sequence++;
        send_datagram(c);
        return;
    }
    c->sent = 0;
    send_rest(c);
    if (c->sent < message_len)
        watch(epoll, EPOLL_CTL_MOD, c->channel.fd, EPOLLIN | EPOLLOUT, c);
}

static void on_writable(struct connection *c)
{
    if (c->sent == message_len)
        return;
    send_rest(c);
    if (c->sent == message_len)
        watch(epoll, EPOLL_CTL_MOD, c->channel.fd, EPOLLIN, c);
}

static void on_datagram(struct connection *c, size_t len)
{
    if (len != message_len) {
        fprintf(stderr, "a datagram of %zu bytes came back as one of %zu\n", message_len, len);
        exit(1);
    }
    if (memcmp(in, &c->sequence, sizeof c->sequence) != 0) {
        duplicates++;
        return;
    }
    c->messages++;
    send_message(c);
}

static void on_bytes(struct connection *c, size_t len)
{
    c->received += len;
    if (c->received > c->sent) {
        fprintf(stderr, "%zu bytes came back of %zu sent\n", c->received, c->sent);
        exit(1);
    }
    if (c->received == message_len) {
        c->messages++;
        send_message(c);
    }
}

static void on_readable(struct connection *c)
{
    do {
        ssize_t n = channel_recv(&c->channel, in, sizeof in);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            die("recv");
        if (datagrams) {
            on_datagram(c, (size_t)n);
            continue;
        }
        if (n == 0) {
            fprintf(stderr, "the server closed a connection\n");
            exit(1);
        }
        on_bytes(c, (size_t)n);
    } while (channel_has_more(&c->channel));
}

static void resend_lost(struct connection *all, int connections)
{
    for (int i = 0; i < connections; i++) {
        if (turn - all[i].sent_at > RESEND_SECONDS) {
            resent++;
            send_datagram(&all[i]);
        }
    }
}

static double run(struct connection *all, int connections, double seconds)
{
    struct epoll_event events[MAX_EVENTS];
    const double start = now();
    double looked_at = start;
    turn = start;
    for (int i = 0; i < connections; i++)
        send_message(&all[i]);
    for (; turn - start < seconds; turn = now()) {
        if (datagrams && turn - looked_at > TURN_MS * 1e-3) {
            looked_at = turn;
            resend_lost(all, connections);
        }
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
    return turn - start;
}

static void report(const struct connection *all, int connections, double elapsed)
{
    long messages = 0;
    int starved = 0;
    for (int i = 0; i < connections; i++) {
        messages += all[i].messages;
        starved += all[i].messages == 0;
    }
    const long lost = resent > duplicates ? resent - duplicates : 0;
    printf("%ld %.0f %d %ld\n", messages, (double)messages / elapsed, starved, lost);
}

static struct connection *connections_of(const char *text)
{
    const int connections = atoi(text);
    if (connections < 1) {
        fprintf(stderr, "echoload: connections must be at least 1\n");
        exit(2);
    }
    struct connection *all = calloc((size_t)connections, sizeof *all);
    if (all == NULL)
        die("calloc");
    return all;
}

static int hold(const char *transport, const char *address, const char *count)
{
    char byte;
    struct connection *all = connections_of(count);
    for (int i = 0; i < atoi(count); i++)
        channel_open(&all[i].channel, transport, address);
    printf("held\n");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "hold") == 0)
        return hold(argv[2], argv[3], argv[4]);
    if (argc != 6) {
        fprintf(stderr, "usage: echoload TRANSPORT ADDRESS CONNECTIONS BYTES SECONDS\n"
                        "       echoload hold TRANSPORT ADDRESS CONNECTIONS\n");
        return 2;
    }
    const char *transport = argv[1];
    const int connections = atoi(argv[3]);
    struct connection *all = connections_of(argv[3]);
    datagrams = strcmp(transport, "udp") == 0;
    message_len = (size_t)atol(argv[4]);
    if (message_len < (datagrams ? sizeof all->sequence : 1)) {
        fprintf(stderr, "echoload: a message takes 1 byte at least, a datagram %zu\n", sizeof all->sequence);
        return 2;
    }
    message = malloc(message_len);
    epoll = epoll_create1(0);
    if (message == NULL || epoll < 0)
        die("echoload");
    memset(message, 'x', message_len);
    for (int i = 0; i < connections; i++)
        open_connection(&all[i], transport, argv[2]);
    report(all, connections, run(all, connections, atof(argv[5])));
    return 0;
}
