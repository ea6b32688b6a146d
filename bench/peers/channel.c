#include "channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net.h"

void channel_open(struct channel *c, const char *transport, const char *address)
{
    if (strcmp(transport, "tls") == 0) {
        fprintf(stderr, "this program is built without TLS\n");
        exit(1);
    }
    c->fd = connect_to(transport, address);
}

ssize_t channel_send(struct channel *c, const void *bytes, size_t len)
{
    return send(c->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t channel_recv(struct channel *c, void *bytes, size_t len)
{
    return recv(c->fd, bytes, len, MSG_DONTWAIT);
}

bool channel_has_more(const struct channel *c)
{
    (void)c;
    return false;
}
