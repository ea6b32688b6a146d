// The limit of a TLS echo: what OpenSSL and the system calls cost, and nothing else.
//
//     limit-tls PORT CERTIFICATE KEY
//
// TLS 1.3 with OpenSSL's defaults, one thread, level-triggered epoll. A wake-up reads as much as one system
// call brings and writes what it was.

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net.h"

enum {
    MAX_EVENTS = 512,
    READ_BYTES = 64 * 1024,
};

static char in[READ_BYTES];

static void end(SSL *session)
{
    int fd = SSL_get_fd(session);
    SSL_free(session);
    close(fd);
}

// Say whether it is worth waiting for more; false: the connection is over.
static bool goes_on(SSL *session, int n)
{
    const int error = SSL_get_error(session, n);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

// What the kernel does not take is waited for, as in limit.c.
static bool send_whole(SSL *session, int len)
{
    int n;
    while ((n = SSL_write(session, in, len)) <= 0) {
        if (!goes_on(session, n))
            return false;
        wait_until_writable(SSL_get_fd(session));
    }
    return true;
}

static void serve(SSL *session)
{
    ERR_clear_error();
    // The first bytes are the handshake's; SSL_read goes on with it.
    do {
        int n = SSL_read(session, in, sizeof in);
        if (n <= 0 && goes_on(session, n))
            return;
        if (n <= 0 || !send_whole(session, n)) {
            end(session);
            return;
        }
    } while (SSL_has_pending(session));
}

static SSL_CTX *make_context(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    // Without it a record takes two system calls: one for its five bytes of head, one for the rest.
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: limit-tls PORT CERTIFICATE KEY\n");
        return 2;
    }
    // OpenSSL writes without MSG_NOSIGNAL.
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *context = make_context(argv[2], argv[3]);
    const int listener = listen_on("tls", argv[1]), epoll = epoll_create1(0);
    if (epoll < 0)
        die("epoll_create1");
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);

    struct epoll_event events[MAX_EVENTS];
    for (;;) {
        int ready = epoll_wait(epoll, events, MAX_EVENTS, -1);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd;
            if (events[i].data.ptr != NULL) {
                serve(events[i].data.ptr);
                continue;
            }
            while ((fd = accept_next(listener)) >= 0) {
                SSL *session = SSL_new(context);
                if (session == NULL || SSL_set_fd(session, fd) != 1)
                    die("SSL_new");
                SSL_set_accept_state(session);
                watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, session);
            }
        }
    }
}
