"""LoopCore: one turn of the loop, over and over.

A turn polls, hands out events, readies the timers that are due and runs what was ready when it began.
Everything that happens once per loop or per connection is in Python, in `fastloop.loop`.
"""

import asyncio
import sys
import threading
from asyncio import coroutines
from weakref import ref

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyCallable_Check, PyTypeObject, Py_TYPE

from fastloop._core.handle cimport ThreadsafeHandle, blank_handle, handles_lock
from fastloop._core.timer cimport NS
from fastloop._sys.cpython cimport PyObject_Vectorcall, PySequence_Fast_ITEMS, drop_reference
from fastloop._sys.epoll cimport EPOLLIN, eventfd_write, fastloop_monotonic_ns


cdef enum:
    # Ready work may put off the next poll this often and this long, whichever ends first: a chain of
    # callbacks runs without a system call each, and sockets and timers wait a millisecond at most.
    MAX_UNPOLLED = 16
    MAX_UNPOLLED_NS = 1_000_000

# What asyncio's own loop asks. Since 3.14 the name without the underscore warns.
iscoroutinefunction = getattr(coroutines, "_iscoroutinefunction", None) or coroutines.iscoroutinefunction

cdef object Future = asyncio.Future
cdef object running_loop = asyncio._get_running_loop
# Before 3.12 that is a system call.
cdef bint asking_is_cheap = sys.version_info >= (3, 12)
cdef tuple LOOP = ("loop",)


cdef bint taken_unasked(LoopCore loop) except -1:
    """Say whether futures and tasks made now are of this loop anyway. To name it makes a dictionary."""
    return asking_is_cheap and running_loop() is loop


cdef object new_future(LoopCore loop):
    """loop.create_future() for compiled callers."""
    # SAFETY: the caller's, alive through the call.
    cdef PyObject* argument = <PyObject*>loop
    if taken_unasked(loop):
        return PyObject_Vectorcall(<PyObject*>Future, NULL, 0, NULL)
    return PyObject_Vectorcall(<PyObject*>Future, &argument, 0, <PyObject*>LOOP)


# What is called while the collector takes a loop apart finds its parts in place: they empty themselves.
@cython.no_gc_clear
cdef class LoopCore:
    """The compiled base of `fastloop.EventLoop`. Belongs to one thread, but for its threadsafe inbox."""

    def __cinit__(self, *args, **kwargs):
        self.poller = Poller()
        self.ready = Ring()
        self.inbox = Ring()
        self.timers = TimerHeap()
        self.turns = 1
        self.postponed = []
        self.pool = HandlePool(Handle)
        self.threadsafe_pool = HandlePool(ThreadsafeHandle) if handles_lock else self.pool
        self.read_buffer = <char*>PyMem_Malloc(READ_BUFFER)
        if self.read_buffer is NULL:
            raise MemoryError
        self.wakeup = Wakeup()
        self.slow_callback_duration = 0.1
        self.poller.watch(self.wakeup, EPOLLIN)

    def __dealloc__(self):
        PyMem_Free(self.read_buffer)
        if self.spare_chunk is not NULL:
            drop_reference(self.spare_chunk)

    # Scheduling.

    cdef int check_open(self) except -1:
        if self._closed:
            if self.parent:
                raise RuntimeError(
                    f"event loop was inherited from process {self.parent} by fork; make a new one here"
                )
            raise RuntimeError("Event loop is closed")
        return 0

    cdef Handle schedule(self, PyObject* callback, PyObject** args, Py_ssize_t nargs, PyObject* context):
        """call_soon for compiled callers. All arguments are borrowed; context may be NULL."""
        cdef Handle handle
        if self.inbox.head != self.inbox.tail:
            # What was scheduled first runs first, whichever way it came.
            self.take_inbox()
        if self._debug:
            handle = blank_handle(self._debug, False)
            handle.fill(self, callback, args, nargs, context)
        else:
            handle = self.pool.take(self, callback, args, nargs, context)
        self.ready.push(handle)
        return handle

    cdef Handle schedule_call(self, object callback, object argument):
        """call_soon(callback, argument) for compiled callers."""
        # SAFETY: argument is a local of the caller's, alive through the call.
        cdef PyObject* arg = <PyObject*>argument
        return self.schedule(<PyObject*>callback, &arg, 1, NULL)

    cdef int push_inbox(self, Handle handle) except -1:
        """Leave handle to the loop's thread; any thread may call.

        Threads take turns (the GIL), and what is done here and in take_inbox() gives nobody else a turn.
        """
        self.inbox.push(handle)
        if self.asleep:
            # Awake from now on, if not quite: one call wakes it.
            self.asleep = False
            eventfd_write(self.wakeup.fd, 1)
        return 0

    cdef int take_inbox(self) except -1:
        self.ready.take(self.inbox)
        return 0

    def time(self):
        """Return the loop's clock: CLOCK_MONOTONIC in seconds, as `time.monotonic()`."""
        return <double>fastloop_monotonic_ns() / NS

    # Turning.

    def _run(self):
        """Turn until `stop` is called; the turn in which that happens is finished."""
        self._thread_id = threading.get_ident()
        try:
            self.begin()
            while not self.stopping:
                self.turn()
            if self.parent:
                self.check_open()
        finally:
            self.stopping = False
            self._thread_id = 0

    cdef int begin(self) except -1:
        """Run what was scheduled before the run, and see that it polls, however short it is: as asyncio."""
        cdef Ring later
        self.take_inbox()
        self.run_ready()
        self.unpolled = MAX_UNPOLLED
        if self.stopping and not self._closed:
            # The last turn already: what its callbacks have scheduled waits for the next run.
            later = Ring()
            later.take(self.ready)
            try:
                self.turn()
            finally:
                later.take(self.ready)
                self.ready.take(later)
        return 0

    def stop(self):
        """Let `run_forever` return at the end of the turn."""
        self.stopping = True

    def _watch_signals(self, int fd, deliver):
        """Wake up and run signal handlers when signal numbers arrive at fd, then call deliver(numbers)."""
        self.signals = SignalWatcher(fd, deliver)
        self.poller.watch(self.signals, EPOLLIN)

    def _unwatch_signals(self):
        cdef SignalWatcher signals = self.signals
        self.signals = None
        self.poller.forget(signals)
        if not self._closed:  # by a fork: what arrives there is the parent's
            signals.on_ready(EPOLLIN)

    cdef int64_t poll_timeout_ns(self) except? -2:
        """Nanoseconds until there is something to do; -1: for ever."""
        cdef int64_t deadline_ns
        if self.ready.head != self.ready.tail or self.stopping:
            return 0
        deadline_ns = self.timers.next_deadline_ns()
        if deadline_ns < 0:
            return -1
        return max(deadline_ns - fastloop_monotonic_ns(), 0)

    cdef int turn(self) except -1:
        cdef int64_t timeout_ns, now_ns = 0
        cdef bint pending = self.ready.head != self.ready.tail
        if pending and self.unpolled < MAX_UNPOLLED and self.unpolled % 2 == 0:
            # Every other generation runs without a look at the clock, which short callbacks would feel.
            self.unpolled += 1
            if self.inbox.head != self.inbox.tail:
                self.take_inbox()
            return self.run_ready()
        if pending:
            now_ns = fastloop_monotonic_ns()
        if not pending or self.unpolled >= MAX_UNPOLLED or now_ns - self.polled_ns >= MAX_UNPOLLED_NS:
            timeout_ns = self.poll_timeout_ns()
            # Seen by push_inbox, which then writes to the eventfd. Set before the inbox is looked at:
            # a callback that is not seen there wakes the poll.
            self.asleep = timeout_ns != 0
            if self.inbox.head != self.inbox.tail:
                self.asleep = False
                timeout_ns = 0
            try:
                self.poller.wait(timeout_ns)
            finally:
                self.asleep = False
            self.unpolled = 0
            if self.timers.count or self.ready.head != self.ready.tail:
                self.polled_ns = now_ns = fastloop_monotonic_ns()
            PyErr_CheckSignals()
            if self._debug:
                self.dispatch_watched()
            else:
                self.poller.dispatch()
        else:
            self.unpolled += 1
        if self.inbox.head != self.inbox.tail:
            self.take_inbox()
        if self.timers.count:
            self.ready_timers(now_ns)
        self.run_ready()
        return 0

    cdef int ready_timers(self, int64_t now_ns) except -1:
        """Move the timers that are due to the ready ring."""
        cdef TimerHandle timer = self.timers.maybe_due(now_ns)
        while timer is not None:
            self.ready.push(timer)
            timer = self.timers.maybe_due(now_ns)
        return 0

    cdef int run_ready(self) except -1:
        """Run what is ready now; what that makes ready waits for the next turn."""
        cdef size_t left = self.ready.tail - self.ready.head
        cdef bint watched = self._debug
        cdef Handle handle
        cdef PyTypeObject* kind
        while left:
            # Counted, not compared with `end`: growing the ring renumbers it.
            left -= 1
            handle = self.ready.pop()
            if not handle._cancelled:
                if watched:
                    self.run_watched(handle)
                else:
                    handle.run()
            kind = Py_TYPE(handle)
            if kind == self.pool.kind:
                self.pool.finish(handle)
            elif kind == self.timers.pool.kind:
                self.timers.pool.finish(handle)
            elif kind == self.threadsafe_pool.kind:
                self.threadsafe_pool.finish(handle)
        self.turns += 1
        return self.end_turn() if self.postponed else 0

    cdef int put_off(self, Watcher watcher) except -1:
        """Have watcher.end_turn() called at the end of this turn, before anything is waited for."""
        self.postponed.append(watcher)
        return 0

    cdef int end_turn(self) except -1:
        cdef Py_ssize_t done = 0
        cdef list postponed = self.postponed
        self.postponed = []
        try:
            for watcher in postponed:
                done += 1
                (<Watcher>watcher).end_turn()
        finally:
            if done < len(postponed):
                self.postponed = postponed[done:] + self.postponed
        return 0

    # The same in debug mode.

    cdef int run_watched(self, Handle handle) except -1:
        cdef int64_t started_ns = fastloop_monotonic_ns()
        self._current_handle = handle
        try:
            handle.run()
            self.check_duration(handle, started_ns)
        finally:
            self._current_handle = None
        return 0

    cdef int dispatch_watched(self) except -1:
        cdef int64_t started_ns
        while self.poller.cursor < self.poller.ready:
            started_ns = fastloop_monotonic_ns()
            watcher = self.poller.maybe_next()
            self.poller.dispatch_next()
            self.check_duration(watcher, started_ns)
        return 0

    cdef int check_duration(self, object what, int64_t started_ns) except -1:
        cdef double seconds = <double>(fastloop_monotonic_ns() - started_ns) / NS
        if seconds >= self.slow_callback_duration:
            self._report_slow(what, seconds)
        return 0

    # Checks.

    cdef int check_callback(self, object callback, object method) except -1:
        if PyCallable_Check(callback) and not self._debug:
            return 0
        if coroutines.iscoroutine(callback) or (self._debug and iscoroutinefunction(callback)):
            raise TypeError(f"coroutines cannot be used with {method}()")
        if not PyCallable_Check(callback):
            raise TypeError(f"a callable object was expected by {method}(), got {callback!r}")
        return 0

    cdef int check_thread(self) except -1:
        if self._debug and self._thread_id and self._thread_id != threading.get_ident():
            raise RuntimeError(
                "Non-thread-safe operation invoked on an event loop other than the current one"
            )
        return 0

    def _check_closed(self):
        self.check_open()

    def _check_callback(self, callback, method):
        self.check_callback(callback, method)

    def get_debug(self):
        """Say whether the loop is in debug mode."""
        return self._debug

    def set_debug(self, enabled):
        """Turn debug mode on or off: checks of threads and durations, and where handles come from."""
        self._debug = enabled

    def is_running(self):
        """Say whether the loop is running now."""
        return self._thread_id != 0

    def is_closed(self):
        """Say whether `close` was called."""
        return self._closed

    def _close(self):
        """Drop everything scheduled and the epoll set."""
        self._closed = True
        self.ready.clear()
        self.inbox.clear()
        self.timers.clear()
        self.postponed.clear()
        self.poller.close()
        self.wakeup.close()

    def _forked(self, unsigned long parent):
        """Disown everything, in the forked child of a process: it is the parent's."""
        if self._closed:
            return
        self.parent = parent
        # Cancelled, not dropped: the fork may come from one of them, and its turn goes on.
        self.ready.cancel_all()
        self._closed = self.stopping = True
        self.inbox.clear()
        self.timers.clear()
        self.postponed.clear()
        self.poller.close()
        self.wakeup.close()

    # Descriptors of others.

    cdef Handle new_handle(self, callback, tuple args):
        # Watched handles run many times, so none of the pool's.
        cdef Handle handle = blank_handle(self._debug, False)
        cdef list items = list(args)
        handle.fill(self, <PyObject*>callback, PySequence_Fast_ITEMS(items), len(items), NULL)
        return handle

    cdef CallbackWatcher callback_watcher(self, fd, bint create):
        cdef int number
        try:
            number = fd if isinstance(fd, int) else fd.fileno()
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise ValueError(f"Invalid file object: {fd!r}") from None
        if number < 0:
            raise ValueError(f"Invalid file descriptor: {number}")
        watcher = self.poller.watchers.get(number)
        owner = self.poller.maybe_owner(number)
        if owner is None:
            if watcher is None:
                return CallbackWatcher(self.poller, self.ready, number) if create else None
            if isinstance(watcher, CallbackWatcher):
                return (<CallbackWatcher>watcher).current()
            if not create:
                return None
            # A transport that is closing, but has something left to send.
            owner = watcher
        raise RuntimeError(f"File descriptor {fd!r} is used by transport {owner!r}")

    def _check_unused(self, sock):
        """Refuse a socket that a transport has: of two, each would get some of what arrives."""
        owner = self.poller.maybe_owner(sock.fileno())
        if owner is not None:
            raise RuntimeError(f"File descriptor {sock!r} is used by transport {owner!r}")

    cdef CallbackWatcher maybe_socket_watcher(self, object sock):
        """Return the watcher of sock where one of its calls has left one; None otherwise."""
        watcher = self.poller.watchers.get(sock.fileno())
        if type(watcher) is CallbackWatcher:
            owner = (<CallbackWatcher>watcher).owner
            if owner is not None and owner() is sock:
                return watcher
        return None

    cdef CallbackWatcher socket_watcher(self, object sock):
        """Return the watcher of sock, for one of its calls."""
        cdef CallbackWatcher watcher = self.maybe_socket_watcher(sock)
        if watcher is None:
            self.check_open()
            watcher = self.callback_watcher(sock.fileno(), True)
            watcher.owner = ref(sock)
        return watcher

    def add_reader(self, fd, callback, *args):
        """Call callback(*args) whenever fd is readable; replaces an earlier reader of fd."""
        self.check_open()
        self.check_callback(callback, "add_reader")
        self.callback_watcher(fd, True).put(False, self.new_handle(callback, args))

    def remove_reader(self, fd):
        """Stop watching fd for readability; return whether it was watched."""
        if self._closed:
            return False
        cdef CallbackWatcher watcher = self.callback_watcher(fd, False)
        return watcher is not None and watcher.put(False, None)

    def add_writer(self, fd, callback, *args):
        """Call callback(*args) whenever fd is writable; replaces an earlier writer of fd."""
        self.check_open()
        self.check_callback(callback, "add_writer")
        self.callback_watcher(fd, True).put(True, self.new_handle(callback, args))

    def remove_writer(self, fd):
        """Stop watching fd for writability; return whether it was watched."""
        if self._closed:
            return False
        cdef CallbackWatcher watcher = self.callback_watcher(fd, False)
        return watcher is not None and watcher.put(True, None)

    def _watch_fd(self, int fd, bint writing, callback, *args):
        """As `add_writer` or `add_reader`; return the Handle, which `_unwatch_fd` is to be given."""
        self.check_open()
        cdef Handle handle = self.new_handle(callback, args)
        self.callback_watcher(fd, True).put(writing, handle)
        return handle

    def _unwatch_fd(self, int fd, bint writing, Handle handle):
        """Stop calling handle, unless another callback or owner of the number has taken its place."""
        watcher = self.poller.watchers.get(fd)
        if isinstance(watcher, CallbackWatcher):
            (<CallbackWatcher>watcher).drop(writing, handle)
