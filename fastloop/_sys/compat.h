/* What differs between kernels and C libraries, behind one name each. */
#ifndef FASTLOOP_COMPAT_H
#define FASTLOOP_COMPAT_H

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* By number: C libraries before glibc 2.35 have no wrapper, and the number is the same on every architecture. */
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static inline int fastloop_epoll_wait(int epfd, struct epoll_event *events, int maxevents, int64_t timeout_ns)
{
    if (timeout_ns <= 0)
        return epoll_wait(epfd, events, maxevents, timeout_ns < 0 ? -1 : 0);
    struct timespec limit = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    int ready = (int)syscall(SYS_epoll_pwait2, epfd, events, maxevents, &limit, NULL, (size_t)0);
    if (ready < 0 && errno == ENOSYS) {
        /* Linux before 5.11, and sandboxes that filter it. Rounded up: a timer may be late, never early. */
        int64_t timeout_ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
        ready = epoll_wait(epfd, events, maxevents, timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
    }
    return ready;
}

static inline int64_t fastloop_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
