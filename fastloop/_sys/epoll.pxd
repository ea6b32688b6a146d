# epoll(7), eventfd(2).
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        void* ptr
        int fd

    struct epoll_event:
        uint32_t events
        epoll_data_t data

    enum:
        EPOLL_CLOEXEC
        EPOLL_CTL_ADD
        EPOLL_CTL_DEL
        EPOLL_CTL_MOD

    # Flags of epoll_event.events; EPOLLERR and EPOLLHUP are reported unasked.
    enum:
        EPOLLIN
        EPOLLOUT
        EPOLLRDHUP
        EPOLLERR
        EPOLLHUP

    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event* event)

cdef extern from "<sys/eventfd.h>" nogil:
    enum:
        EFD_CLOEXEC
        EFD_NONBLOCK

    int eventfd(unsigned int initval, int flags)
    int eventfd_write(int fd, uint64_t value)

# What differs between kernels and C libraries. Here, not in a header, which those who compile against our
# declarations would have to find.
cdef extern from * nogil:
    """
    #include <errno.h>
    #include <limits.h>
    #include <stdint.h>
    #include <sys/epoll.h>
    #include <sys/syscall.h>
    #include <time.h>
    #include <unistd.h>

    /* By number, the same on every architecture: C libraries before glibc 2.35 have no wrapper. */
    #ifndef SYS_epoll_pwait2
    #define SYS_epoll_pwait2 441
    #endif

    static inline int fastloop_epoll_wait(
        int epfd, struct epoll_event *events, int maxevents, int64_t timeout_ns)
    {
        if (timeout_ns <= 0)
            return epoll_wait(epfd, events, maxevents, timeout_ns < 0 ? -1 : 0);
        struct timespec limit = {
            .tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
        int ready = (int)syscall(SYS_epoll_pwait2, epfd, events, maxevents, &limit, NULL, (size_t)0);
        if (ready < 0 && errno == ENOSYS) {
            /* Linux before 5.11, and sandboxes that filter it. Rounded up: no timer is early. */
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
    """
    # Wait for events for timeout_ns nanoseconds (-1: no limit; 0: do not wait), as epoll_pwait2(2).
    int fastloop_epoll_wait(int epfd, epoll_event* events, int maxevents, int64_t timeout_ns)
    # CLOCK_MONOTONIC in nanoseconds: the clock of time.monotonic_ns().
    int64_t fastloop_monotonic_ns()
