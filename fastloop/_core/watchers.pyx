"""The loop's own watchers: other threads' calls, signals, `add_reader`/`add_writer`, calls on sockets."""

from asyncio import InvalidStateError

cimport cython
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


# As LoopCore: the set of watchers it is in is what the collector empties.
@cython.no_gc_clear
cdef class CallbackWatcher(Watcher):
    """A descriptor of somebody else's: with `add_reader` and `add_writer` callbacks, or calls that wait.

    Level-triggered. Who only receives stays registered between two calls: the first event that nobody waits
    for ends that.
    """

    def __cinit__(self, Poller poller, Ring ready, int fd):
        self.poller = poller
        self.ready = ready
        self.fd = fd

    cdef int on_ready(self, uint32_t events) except -1:
        # An error or a hang-up wakes both: the callback's own system call will find out what it is.
        if events & (EPOLLIN | EPOLLERR | EPOLLHUP) and self.events & EPOLLIN:
            self.drained = False
            self.tell(False)
        if events & (EPOLLOUT | EPOLLERR | EPOLLHUP) and self.events & EPOLLOUT:
            self.tell(True)
        return 0

    cdef int tell(self, bint writing) except -1:
        what = self.writer if writing else self.reader
        if isinstance(what, Handle):
            self.ready.push(what)
            return 0
        if what is None:
            return self.update()
        if writing:
            self.writer = None
            self.update()
        else:
            self.reader = None
        try:
            what.set_result(None)
        except InvalidStateError:
            pass  # cancelled, and its task has not been told yet
        return 0

    cdef bint put(self, bint writing, object what) except -1:
        """Tell what from now on, None: nobody; return whether another was told before."""
        old = self.writer if writing else self.reader
        if writing:
            self.writer = what
        else:
            self.reader = what
        self.update()
        if old is None:
            return False
        if isinstance(old, Handle):
            old.cancel()
        return True

    cdef int drop(self, bint writing, object what) except -1:
        """Stop telling what, if it is the one that is told."""
        if what is (self.writer if writing else self.reader):
            self.put(writing, None)
        return 0

    cdef int wait(self, bint writing, object waiter) except -1:
        """Resolve waiter, a future, at the next event."""
        if writing or self.reader is not None or not self.events & EPOLLIN:
            self.put(writing, waiter)
        else:
            self.reader = waiter
        return 0

    cdef int leave(self, bint writing, object waiter) except -1:
        """Wait no more; what is registered for reading stays so."""
        if writing:
            self.drop(True, waiter)
        elif self.reader is waiter:
            self.reader = None
        return 0

    cdef CallbackWatcher current(self):
        """Return this watcher, or one in its place where its number may have been given out again since."""
        cdef CallbackWatcher watcher
        if self.owner is None:
            return self
        owner = self.owner()
        if owner is not None and owner.fileno() == self.fd:
            return self
        watcher = CallbackWatcher(self.poller, self.ready, self.fd)
        self.poller.forget(self)
        watcher.reader = self.reader
        watcher.writer = self.writer
        return watcher

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
