"""The loop's own watchers: other threads' calls, signals, and `add_reader`/`add_writer`."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from libc.stdint cimport uint64_t

from fastloop._sys.epoll cimport (
    EFD_CLOEXEC,
    EFD_NONBLOCK,
    EPOLLERR,
    EPOLLHUP,
    EPOLLIN,
    EPOLLOUT,
    eventfd,
)
from fastloop._sys.socket cimport close as close_fd
from fastloop._sys.socket cimport read as read_fd


cdef class Wakeup(Watcher):
    """The eventfd(2) that ends the loop's sleep when another thread calls."""

    def __cinit__(self):
        self.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        if self.fd < 0:
            PyErr_SetFromErrno(OSError)

    def __dealloc__(self):
        self.close()

    cdef int close(self) noexcept:
        if self.fd >= 0:
            close_fd(self.fd)
            self.fd = -1
        return 0

    cdef int on_ready(self, uint32_t events) except -1:
        cdef uint64_t count
        read_fd(self.fd, &count, sizeof(count))
        return 0


cdef class SignalWatcher(Watcher):
    """The reading end of the pipe that `signal.set_wakeup_fd` writes signal numbers to."""

    def __cinit__(self, int fd, deliver):
        self.fd = fd
        self.deliver = deliver

    cdef int on_ready(self, uint32_t events) except -1:
        cdef char numbers[256]
        cdef ssize_t count = read_fd(self.fd, numbers, sizeof(numbers))
        # Runs the Python-level handlers now: KeyboardInterrupt is raised from here.
        PyErr_CheckSignals()
        if count > 0:
            self.deliver(PyBytes_FromStringAndSize(numbers, count))
        return 0


cdef class CallbackWatcher(Watcher):
    """A descriptor of somebody else's with `add_reader` and `add_writer` callbacks, level-triggered."""

    def __cinit__(self, Poller poller, Ring ready, int fd):
        self.poller = poller
        self.ready = ready
        self.fd = fd

    cdef int on_ready(self, uint32_t events) except -1:
        # An error or a hang-up wakes both: the callback's own system call will find out what it is.
        if self.reader is not None and events & (EPOLLIN | EPOLLERR | EPOLLHUP):
            self.ready.push(self.reader)
        if self.writer is not None and events & (EPOLLOUT | EPOLLERR | EPOLLHUP):
            self.ready.push(self.writer)
        return 0

    cdef bint put(self, bint writing, Handle handle) except -1:
        """Call handle from now on, None: nobody; return whether another was called before."""
        cdef Handle old = self.writer if writing else self.reader
        if writing:
            self.writer = handle
        else:
            self.reader = handle
        self.update()
        if old is None:
            return False
        old.cancel()
        return True

    cdef int drop(self, bint writing, Handle handle) except -1:
        """Stop calling handle, if it is the one that is called."""
        if handle is (self.writer if writing else self.reader):
            self.put(writing, None)
        return 0

    cdef int update(self) except -1:
        cdef uint32_t events = 0
        if self.reader is not None:
            events |= EPOLLIN
        if self.writer is not None:
            events |= EPOLLOUT
        if events:
            self.poller.watch(self, events)
        else:
            self.poller.forget(self)
        return 0
