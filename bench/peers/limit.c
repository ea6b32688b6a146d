// The limit: what a server costs that does nothing but the system calls. Every ratio is against it.
//
//     limit PORT [CONTENT-TYPE BODY]
//
// On PORT it answers each "\r\n\r\n" with one constant response, on PORT+1 it echoes bytes.
// One thread, level-triggered epoll, one recv and one send per wake-up.
//
// It is a yardstick, not a server: it does not parse. A request must arrive whole in one read and its
// body, if any, in that same read, which holds for small requests on loopback. Where an assumption of
// that kind breaks it exits with a message, so a wrong figure cannot pass for a fast one.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MAX_FD = 65536,
    MAX_EVENTS = 512,
    READ_BYTES = 256 * 1024,
    WRITE_BYTES = 4 * READ_BYTES,
};

static char in[READ_BYTES];
static char out[WRITE_BYTES];
static char answer[4096];
static size_t answer_len;
static bool is_echo[MAX_FD];  // which of the two listeners the connection came from

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

static int listen_on(int port)
{
    const int on = 1;
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        die("bind");
    if (listen(fd, 1024) < 0)
        die("listen");
    return fd;
}

static void accept_all(int epoll, int listener, bool echo)
{
    const int on = 1;
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FD) {
            fprintf(stderr, "limit: more than %d descriptors\n", MAX_FD);
            exit(1);
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        is_echo[fd] = echo;
        watch(epoll, fd);
    }
}

// Send at once. A peer that has gone is the next recv's to notice; bytes left over are fatal, as nothing
// here would ever send them.
static void send_whole(int fd, const char *bytes, size_t len)
{
    ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
        return;
    if (sent != (ssize_t)len) {
        fprintf(stderr, "limit: sent %zd of %zu bytes; it does not buffer\n", sent, len);
        exit(1);
    }
}

static void serve(int fd)
{
    ssize_t got = recv(fd, in, sizeof in, 0);
    if (got <= 0) {
        close(fd);
        return;
    }
    if (is_echo[fd]) {
        send_whole(fd, in, (size_t)got);
        return;
    }
    size_t out_len = 0;
    const char *at = in, *end = in + got;
    while ((at = memmem(at, (size_t)(end - at), "\r\n\r\n", 4)) != NULL) {
        at += 4;
        if (out_len + answer_len > sizeof out) {
            fprintf(stderr, "limit: answers to one read exceed %zu bytes\n", sizeof out);
            exit(1);
        }
        memcpy(out + out_len, answer, answer_len);
        out_len += answer_len;
    }
    if (out_len)
        send_whole(fd, out, out_len);
}

// The same fields axum sends. The date stands still: formatting it is not a system call's cost.
static void write_answer(const char *content_type, const char *body)
{
    int len = snprintf(answer, sizeof answer,
                       "HTTP/1.1 200 OK\r\n"
                       "content-type: %s\r\n"
                       "content-length: %zu\r\n"
                       "date: Fri, 20 Nov 2026 08:00:00 GMT\r\n"
                       "\r\n%s",
                       content_type, strlen(body), body);
    if (len < 0 || (size_t)len >= sizeof answer) {
        fprintf(stderr, "limit: answer exceeds %zu bytes\n", sizeof answer);
        exit(1);
    }
    answer_len = (size_t)len;
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: limit PORT [CONTENT-TYPE BODY]\n");
        return 2;
    }
    const int port = atoi(argv[1]);
    if (argc == 4)
        write_answer(argv[2], argv[3]);
    else
        write_answer("text/plain; charset=utf-8", "Hello, World!");

    const int http = listen_on(port), echo = listen_on(port + 1);
    const int epoll = epoll_create1(0);
    if (epoll < 0)
        die("epoll_create1");
    watch(epoll, http);
    watch(epoll, echo);

    struct epoll_event events[MAX_EVENTS];
    for (;;) {
        int ready = epoll_wait(epoll, events, MAX_EVENTS, -1);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == http || fd == echo)
                accept_all(epoll, fd, fd == echo);
            else
                serve(fd);
        }
    }
}
