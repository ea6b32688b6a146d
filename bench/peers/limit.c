// The limit: what a server costs that does nothing but the system calls. Every ratio is against it.
//
//     limit http PORT CONTENT-TYPE BODY   answers each "\r\n\r\n" with one constant response
//     limit sink PORT CONTENT-TYPE BODY   the same behind a body of any size, which it drops
//     limit source PORT CONTENT-TYPE N    answers each request with N bytes, in chunks of up to 64 KiB
//     limit tcp PORT | unix PATH          echoes bytes
//     limit udp PORT                      echoes datagrams
//
// One thread, level-triggered epoll, one recv and one send per wake-up; for datagrams, one recvmmsg and one
// sendmmsg. TLS is limit_tls.c.
//
// It is a yardstick, not a server: it does not parse. A request must arrive whole in one read and its
// body, if any (but for `sink`), in that same read, which holds for small requests on loopback. Where an assumption of
// that kind breaks it exits with a message, so a wrong figure cannot pass for a fast one.

#define _GNU_SOURCE
#include "net.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    MAX_EVENTS = 512,
    READ_BYTES = 256 * 1024,
    WRITE_BYTES = 4 * READ_BYTES,
    MAX_DATAGRAMS = 64,  // that one system call may bring
    DATAGRAM_BYTES = 64 * 1024,
    MAX_FD = 4096,
    CHUNK_BYTES = 64 * 1024,
};

static char in[READ_BYTES];
static char out[WRITE_BYTES];
static char answer[4096];
static size_t answer_len;

static size_t body_left[MAX_FD];  // of sink: bytes of a body still to come, by descriptor
static size_t streamed;           // of source: bytes of each answer

static struct mmsghdr datagrams[MAX_DATAGRAMS];
static struct iovec datagram_parts[MAX_DATAGRAMS];
static struct sockaddr_storage senders[MAX_DATAGRAMS];
static char datagram_bytes[MAX_DATAGRAMS][DATAGRAM_BYTES];

// Send at once. A peer that has gone is the next recv's to notice. What the kernel does not take is waited
// for: a load that always reads makes room soon.
static void send_whole(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            wait_until_writable(fd);
            continue;
        }
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return;
        if (sent < 0)
            die("send");
        bytes += sent;
        len -= (size_t)sent;
    }
}

static void serve_echo(int fd)
{
    ssize_t got = recv(fd, in, sizeof in, 0);
    if (got <= 0)
        close(fd);
    else
        send_whole(fd, in, (size_t)got);
}

static void serve_http(int fd)
{
    ssize_t got = recv(fd, in, sizeof in, 0);
    if (got <= 0) {
        close(fd);
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

static void serve_sink(int fd)
{
    if (fd >= MAX_FD) {
        fprintf(stderr, "limit: descriptor %d, limit %d\n", fd, MAX_FD);
        exit(1);
    }
    ssize_t got = recv(fd, in, sizeof in, 0);
    if (got <= 0) {
        body_left[fd] = 0;
        close(fd);
        return;
    }
    size_t content = (size_t)got;
    if (body_left[fd] == 0) {
        const char *end = memmem(in, (size_t)got, "\r\n\r\n", 4);
        in[sizeof in - 1] = 0;
        const char *length = strcasestr(in, "content-length:");
        if (!end || !length) {
            fprintf(stderr, "limit: a head did not come in one read, or has no content-length\n");
            exit(1);
        }
        body_left[fd] = strtoul(length + strlen("content-length:"), NULL, 10);
        content = (size_t)(in + got - (end + 4));
    }
    if (content > body_left[fd]) {
        fprintf(stderr, "limit: more came than the body\n");
        exit(1);
    }
    body_left[fd] -= content;
    if (body_left[fd] == 0)
        send_whole(fd, answer, answer_len);
}

static void serve_source(int fd)
{
    if (recv(fd, in, sizeof in, 0) <= 0) {
        close(fd);
        return;
    }
    send_whole(fd, answer, answer_len);
    for (size_t left = streamed; left;) {
        size_t size = left < CHUNK_BYTES ? left : CHUNK_BYTES;
        int head = sprintf(out, "%zx\r\n", size);
        memset(out + head, 'x', size);
        memcpy(out + head + size, "\r\n", 2);
        send_whole(fd, out, (size_t)head + size + 2);
        left -= size;
    }
    send_whole(fd, "0\r\n\r\n", 5);
}

static void reset_datagram(int i)
{
    datagram_parts[i] = (struct iovec){.iov_base = datagram_bytes[i], .iov_len = DATAGRAM_BYTES};
    datagrams[i].msg_hdr = (struct msghdr){
        .msg_name = &senders[i],
        .msg_namelen = sizeof senders[i],
        .msg_iov = &datagram_parts[i],
        .msg_iovlen = 1,
    };
}

static void serve_datagrams(int fd)
{
    int got = recvmmsg(fd, datagrams, MAX_DATAGRAMS, MSG_DONTWAIT, NULL);
    if (got < 0 && errno != EAGAIN && errno != EINTR)
        die("recvmmsg");
    for (int i = 0; i < got; i++)
        datagram_parts[i].iov_len = datagrams[i].msg_len;
    for (int sent = 0; sent < got;) {
        int n = sendmmsg(fd, datagrams + sent, (unsigned)(got - sent), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            wait_until_writable(fd);
        else if (n < 0)
            die("sendmmsg");
        else
            sent += n;
    }
    for (int i = 0; i < got; i++)
        reset_datagram(i);
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

static void write_streamed_head(const char *content_type)
{
    answer_len = (size_t)snprintf(answer, sizeof answer,
                                  "HTTP/1.1 200 OK\r\n"
                                  "content-type: %s\r\n"
                                  "transfer-encoding: chunked\r\n"
                                  "date: Fri, 20 Nov 2026 08:00:00 GMT\r\n\r\n",
                                  content_type);
}

static void *as_data(int fd)
{
    return (void *)(intptr_t)fd;
}

static _Noreturn void serve_all(int listener, bool accepts, void (*serve)(int))
{
    const int epoll = epoll_create1(0);
    if (epoll < 0)
        die("epoll_create1");
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, as_data(listener));
    struct epoll_event events[MAX_EVENTS];
    for (;;) {
        int ready = epoll_wait(epoll, events, MAX_EVENTS, -1);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = (int)(intptr_t)events[i].data.ptr;
            if (!accepts || fd != listener) {
                serve(fd);
                continue;
            }
            while ((fd = accept_next(listener)) >= 0)
                watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, as_data(fd));
        }
    }
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    if (argc == 5 && strcmp(mode, "http") == 0) {
        write_answer(argv[3], argv[4]);
        serve_all(listen_on("tcp", argv[2]), true, serve_http);
    }
    if (argc == 5 && strcmp(mode, "sink") == 0) {
        write_answer(argv[3], argv[4]);
        serve_all(listen_on("tcp", argv[2]), true, serve_sink);
    }
    if (argc == 5 && strcmp(mode, "source") == 0) {
        write_streamed_head(argv[3]);
        streamed = strtoul(argv[4], NULL, 10);
        serve_all(listen_on("tcp", argv[2]), true, serve_source);
    }
    if (argc == 3 && (strcmp(mode, "tcp") == 0 || strcmp(mode, "unix") == 0))
        serve_all(listen_on(mode, argv[2]), true, serve_echo);
    if (argc == 3 && strcmp(mode, "udp") == 0) {
        for (int i = 0; i < MAX_DATAGRAMS; i++)
            reset_datagram(i);
        serve_all(listen_on(mode, argv[2]), false, serve_datagrams);
    }
    fprintf(stderr, "usage: limit http|sink PORT CONTENT-TYPE BODY | source PORT CONTENT-TYPE BYTES | tcp PORT | unix PATH | udp PORT\n");
    return 2;
}
