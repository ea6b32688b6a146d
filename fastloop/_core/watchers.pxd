from libc.stdint cimport uint32_t

from fastloop._core.handle cimport Handle
from fastloop._core.holders cimport Ring
from fastloop._core.poller cimport Poller, Watcher


cdef class Wakeup(Watcher):
    cdef int close(self) noexcept


cdef class SignalWatcher(Watcher):
    cdef object deliver             # called with the numbers as bytes, after the handlers of Python's own


cdef class CallbackWatcher(Watcher):
    cdef Poller poller
    cdef Ring ready
    # Who is told: a Handle, again and again; or a future, once.
    cdef object reader
    cdef object writer
    # Of the calls on a socket.
    cdef object owner               # weak reference to the socket object; None: of no socket's calls
    cdef bint drained               # nothing is left to receive until the poller says so
    cdef bint bulk                  # the last received was much

    cdef bint put(self, bint writing, object what) except -1
    cdef int drop(self, bint writing, object what) except -1
    cdef int wait(self, bint writing, object waiter) except -1
    cdef int leave(self, bint writing, object waiter) except -1
    cdef int tell(self, bint writing) except -1
    cdef CallbackWatcher current(self)
    cdef int update(self) except -1
