"""The epoll set (epoll(7)): descriptors, and the watchers to call when they are ready.

Knows nobody else in the loop: what a watcher does with its events is its own affair.
"""

cimport cython
from libc.errno cimport EBADF, EEXIST, EINTR, ENOENT, errno

from fastloop._sys.epoll cimport (
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_CTL_MOD,
    epoll_create1,
    epoll_ctl,
    fastloop_epoll_wait,
)
from fastloop._sys.socket cimport close as close_fd

from cpython.exc cimport PyErr_SetFromErrno
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject


cdef object os_error():
    """Return errno as the OSError it stands for."""
    try:
        PyErr_SetFromErrno(OSError)
    except OSError as exc:
        return exc


cdef class Watcher:
    """One descriptor's place in the epoll set. Subclasses say what readiness means to them."""

    def __cinit__(self):
        self.fd = -1

    cdef int on_ready(self, uint32_t events) except -1:
        raise NotImplementedError(f"{type(self).__name__}.on_ready")

    cdef int end_turn(self) except -1:
        """Do what was put off until all else in the loop's turn was done: `LoopCore.put_off`."""
        return 0

    cdef bint has_descriptor(self) except -1:
        """Say whether fd is still what it was, as far as can be seen: others may have closed it."""
        return True


@cython.final
cdef class Poller:
    """An epoll set that owns its watchers.

    `watch` and `forget` may be called from inside `on_ready`, for any watcher.
    """

    def __cinit__(self):
        self.watchers = {}
        self.strays = []
        self.epfd = epoll_create1(EPOLL_CLOEXEC)
        if self.epfd < 0:
            PyErr_SetFromErrno(OSError)

    def __dealloc__(self):
        PyMem_Free(self.owners)
        if self.epfd >= 0:
            close_fd(self.epfd)

    cdef int watch(self, Watcher watcher, uint32_t events) except -1:
        """Set the interest of watcher to events (not 0); a system call only where that is a change."""
        cdef epoll_event event
        cdef int op
        if watcher.events == events:
            return 0
        event.events = events
        # SAFETY: the kernel's copy of this pointer is borrowed from self.watchers, which holds the
        # watcher until forget() has taken the descriptor out of the set and the pointer out of the batch;
        # where the first of these fails, self.strays holds it.
        event.data.ptr = <void*>watcher
        op = EPOLL_CTL_MOD if watcher.events else EPOLL_CTL_ADD
        if epoll_ctl(self.epfd, op, watcher.fd, &event) < 0:
            # EEXIST: the number was closed behind our back and is in use again under a duplicate.
            if errno != EEXIST or epoll_ctl(self.epfd, EPOLL_CTL_MOD, watcher.fd, &event) < 0:
                PyErr_SetFromErrno(OSError)
        if watcher.events:
            watcher.events = events
            return 0
        watcher.events = events
        other = self.watchers.get(watcher.fd)
        self.watchers[watcher.fd] = watcher
        if other is not None:
            self.keep_stray(other)
        return 0

    cdef int forget(self, Watcher watcher) except -1:
        """Take watcher out of the set; events of it that are still in the batch are dropped."""
        cdef epoll_event event
        if not watcher.events:
            return 0
        watcher.events = 0
        self.drop_events(watcher)
        del self.watchers[watcher.fd]
        if epoll_ctl(self.epfd, EPOLL_CTL_DEL, watcher.fd, &event) < 0:
            if errno not in (EBADF, ENOENT):
                PyErr_SetFromErrno(OSError)
            self.keep_stray(watcher)
        return 0

    cdef int claim(self, Watcher watcher) except -1:
        """Note that watcher.fd is the watcher's own until `disclaim`, also while it is not watched.

        The watcher is not held: who drops it has to disclaim it.
        """
        cdef int room = max(self.room, 64)
        cdef int fd
        while room <= watcher.fd:
            room *= 2
        if room > self.room:
            owners = <PyObject**>PyMem_Realloc(self.owners, room * sizeof(PyObject*))
            if owners == NULL:
                raise MemoryError
            for fd in range(self.room, room):
                owners[fd] = NULL
            self.owners = owners
            self.room = room
        self.owners[watcher.fd] = <PyObject*>watcher
        return 0

    cdef int evict(self, int fd) except -1:
        """Forget who has watched fd until now."""
        watcher = self.watchers.get(fd)
        if watcher is not None:
            self.forget(watcher)
        return 0

    cdef int disclaim(self, Watcher watcher) noexcept:
        """Let watcher.fd be anybody's, unless it is another's by now."""
        if 0 <= watcher.fd < self.room and self.owners[watcher.fd] == <PyObject*>watcher:
            self.owners[watcher.fd] = NULL
        return 0

    cdef object maybe_owner(self, int fd):
        """Return the watcher that has claimed fd, and has it still."""
        cdef Watcher owner
        if 0 <= fd < self.room and self.owners[fd] != NULL:
            # SAFETY: a watcher disclaims its descriptor before it is gone.
            owner = <Watcher>self.owners[fd]
            if owner.has_descriptor():
                return owner
        return None

    cdef int drop_events(self, Watcher watcher) noexcept:
        """Take what is left of watcher's events out of the batch."""
        cdef int i
        for i in range(self.cursor, self.ready):
            if self.batch[i].data.ptr == <void*>watcher:
                self.batch[i].data.ptr = NULL
        return 0

    cdef int keep_stray(self, Watcher watcher) except -1:
        """Hold a watcher whose descriptor its owner has closed while it was watched.

        The kernel takes it out of the set with the last duplicate only, and a duplicate may be anywhere:
        a forked child has one of everything.
        """
        watcher.events = 0
        self.drop_events(watcher)
        self.strays.append(watcher)
        if len(self.strays) > MAX_STRAYS:
            self.renew()
        return 0

    cdef int renew(self) except -1:
        """Make a new epoll set without the strays: by their closed numbers they cannot be taken out."""
        cdef epoll_event event
        cdef Watcher watcher
        cdef int epfd = epoll_create1(EPOLL_CLOEXEC)
        if epfd < 0:
            return 0  # tried again with the next stray
        close_fd(self.epfd)
        self.epfd = epfd
        for watcher in self.watchers.values():
            event.events = watcher.events
            # SAFETY: as in watch().
            event.data.ptr = <void*>watcher
            # Fails for what is closed already and not yet forgotten: nothing is lost.
            epoll_ctl(epfd, EPOLL_CTL_ADD, watcher.fd, &event)
        for watcher in self.strays:
            self.drop_events(watcher)
        self.strays.clear()
        return 0

    cdef int wait(self, int64_t timeout_ns) except -1:
        """Take a batch of events from the kernel; return how many.

        timeout_ns: nanoseconds; -1: until something happens; 0: only what is there. Releases the GIL
        unless it is 0. A signal ends the wait early with no events.
        """
        cdef int ready
        self.cursor = self.ready = 0
        if timeout_ns == 0:
            ready = fastloop_epoll_wait(self.epfd, self.batch, BATCH, 0)
        else:
            # SAFETY: nobody else touches batch: a loop belongs to one thread, and self is held by it.
            with nogil:
                ready = fastloop_epoll_wait(self.epfd, self.batch, BATCH, timeout_ns)
        if ready < 0:
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            ready = 0
        self.ready = ready
        return ready

    cdef int dispatch(self) except -1:
        """Hand each event of the batch to its watcher.

        An exception leaves the rest of the batch: the set is level-triggered, so it is reported again.
        """
        while self.cursor < self.ready:
            self.dispatch_next()
        return 0

    cdef inline int dispatch_next(self) except -1:
        cdef epoll_event* event = &self.batch[self.cursor]
        cdef Watcher watcher
        self.cursor += 1
        # An earlier callback in this batch may have closed the watcher.
        if event.data.ptr == NULL:
            return 0
        # SAFETY: in self.watchers or self.strays, see watch(); the local is a reference for the call.
        watcher = <Watcher>event.data.ptr
        if watcher.events:
            watcher.on_ready(event.events)
        else:
            # A stray whose duplicate is ready: it would be, again and again.
            self.renew()
        return 0

    cdef object maybe_next(self):
        """Return the watcher that the next event is for."""
        # SAFETY: as in dispatch_next().
        cdef void* watcher = self.batch[self.cursor].data.ptr
        return None if watcher == NULL else <object>watcher

    cdef int close(self) except -1:
        """Forget every watcher without a word to the kernel: a forked child may hold its parent's set."""
        cdef Watcher watcher
        for watcher in self.watchers.values():
            watcher.events = 0
        self.watchers.clear()
        self.strays.clear()
        self.room = 0
        self.cursor = self.ready = 0
        if self.epfd >= 0:
            close_fd(self.epfd)
            self.epfd = -1
        return 0
