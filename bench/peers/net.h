// What the load and the limits share: sockets on the loopback, by transport and address.
//
// The transports are "tcp", "tls" and "udp", whose address is a port of 127.0.0.1, and "unix", whose
// address is a path. TLS begins where its connections are used, not here.

#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <stddef.h>
#include <stdint.h>

// Print what failed, with errno's text, and end with status 1.
_Noreturn void die(const char *what);

// Return a non-blocking socket that listens there; for UDP, one that is bound there.
int listen_on(const char *transport, const char *address);

// Return a blocking socket connected to there.
int connect_to(const char *transport, const char *address);

// Take the next connection, non-blocking; -1 where there is none.
int accept_next(int listener);

// Add a descriptor to the epoll set, or change what it waits for. `data` comes back with the events.
void watch(int epoll, int operation, int fd, uint32_t events, void *data);

// Wait until the socket takes more bytes.
void wait_until_writable(int fd);

// CLOCK_MONOTONIC in seconds.
double now(void);

#endif
