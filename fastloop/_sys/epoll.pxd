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

cdef extern from "../_sys/compat.h" nogil:
    # Wait for events for timeout_ns nanoseconds (-1: no limit; 0: do not wait), as epoll_pwait2(2).
    int fastloop_epoll_wait(int epfd, epoll_event* events, int maxevents, int64_t timeout_ns)
    # CLOCK_MONOTONIC in nanoseconds: the clock of time.monotonic_ns().
    int64_t fastloop_monotonic_ns()
