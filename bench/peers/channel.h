// One end of a connection under load. channel.c has it plain, channel_tls.c over TLS; a program is linked
// with one of them, so that the plain one needs no OpenSSL.

#ifndef BENCH_CHANNEL_H
#define BENCH_CHANNEL_H

#include <stdbool.h>
#include <sys/types.h>

struct channel {
    int fd;
    void *session;  // of TLS
};

// Connect, and shake hands where there are hands to shake. Ends the program if it cannot.
void channel_open(struct channel *c, const char *transport, const char *address);

// As send and recv that do not wait: -1 with EAGAIN where they would.
ssize_t channel_send(struct channel *c, const void *bytes, size_t len);
ssize_t channel_recv(struct channel *c, void *bytes, size_t len);

// Say whether bytes have left the socket that channel_recv has not handed out.
bool channel_has_more(const struct channel *c);

#endif
