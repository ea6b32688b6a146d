cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t

from fastloop._sys.epoll cimport epoll_event


cdef enum:
    # Events taken from the kernel at once. 256 keeps a batch in 3 KiB and the system call a small
    # part of its cost; what does not fit is reported by the next call.
    BATCH = 256
    # Strays that are kept before the epoll set is made anew without them.
    MAX_STRAYS = 64


cdef object os_error()


cdef class Watcher:
    cdef int fd           # -1: no descriptor (any more)
    cdef uint32_t events  # interest now registered with the kernel; 0: not in the epoll set

    cdef int on_ready(self, uint32_t events) except -1
    cdef bint has_descriptor(self) except -1
    cdef int end_turn(self) except -1


@cython.final
cdef class Poller:
    cdef int epfd
    cdef int ready      # events in batch
    cdef int cursor     # next of them to hand out
    cdef dict watchers  # fd -> Watcher: owns what the kernel only points at
    cdef list strays    # out of use, but the kernel may still point at them
    cdef PyObject** owners  # by fd, who has claimed it, watched or not; borrowed. NULL: nobody
    cdef int room       # how many owners there is room for
    cdef epoll_event batch[BATCH]

    cdef int watch(self, Watcher watcher, uint32_t events) except -1
    cdef int forget(self, Watcher watcher) except -1
    cdef int claim(self, Watcher watcher) except -1
    cdef int evict(self, int fd) except -1
    cdef int disclaim(self, Watcher watcher) noexcept
    cdef object maybe_owner(self, int fd)
    cdef int drop_events(self, Watcher watcher) noexcept
    cdef int keep_stray(self, Watcher watcher) except -1
    cdef int renew(self) except -1
    cdef int wait(self, int64_t timeout_ns) except -1
    cdef int dispatch(self) except -1
    cdef int dispatch_next(self) except -1
    cdef object maybe_next(self)
    cdef int close(self) except -1
