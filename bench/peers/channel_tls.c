// TLS 1.3 over OpenSSL, its defaults otherwise. The certificate is not verified: that is the client's work,
// and the client is not what is measured.

#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>

#include "net.h"

static SSL_CTX *context;

static _Noreturn void die_of_tls(const char *what)
{
    fprintf(stderr, "%s: ", what);
    ERR_print_errors_fp(stderr);
    fprintf(stderr, "\n");
    exit(1);
}

static void make_context(void)
{
    // OpenSSL writes without MSG_NOSIGNAL.
    signal(SIGPIPE, SIG_IGN);
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1)
        die_of_tls("SSL_CTX_new");
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

void channel_open(struct channel *c, const char *transport, const char *address)
{
    if (context == NULL)
        make_context();
    c->fd = connect_to(transport, address);
    SSL *session = SSL_new(context);
    if (session == NULL || SSL_set_fd(session, c->fd) != 1)
        die_of_tls("SSL_new");
    if (SSL_connect(session) != 1)
        die_of_tls("SSL_connect");
    c->session = session;
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0)
        die("fcntl");
}

// What OpenSSL says, as a system call would have said it.
static ssize_t outcome(const struct channel *c, int n)
{
    if (n > 0)
        return n;
    switch (SSL_get_error(c->session, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        if (errno)
            return -1;
        return 0;
    default:
        die_of_tls("TLS");
    }
}

ssize_t channel_send(struct channel *c, const void *bytes, size_t len)
{
    ERR_clear_error();
    errno = 0;
    return outcome(c, SSL_write(c->session, bytes, (int)len));
}

ssize_t channel_recv(struct channel *c, void *bytes, size_t len)
{
    ERR_clear_error();
    errno = 0;
    return outcome(c, SSL_read(c->session, bytes, (int)len));
}

bool channel_has_more(const struct channel *c)
{
    return SSL_has_pending(c->session) == 1;
}
