from libc.stdint cimport uint32_t

from fastloop._core.handle cimport Handle, Ring
from fastloop._core.poller cimport Poller, Watcher


cdef class Wakeup(Watcher):
    cdef int close(self) noexcept


cdef class SignalWatcher(Watcher):
    cdef object deliver             # called with the numbers as bytes, after the handlers of Python's own


cdef class CallbackWatcher(Watcher):
    cdef Poller poller
    cdef Ring ready
    cdef Handle reader
    cdef Handle writer

    cdef bint put(self, bint writing, Handle handle) except -1
    cdef int drop(self, bint writing, Handle handle) except -1
    cdef int update(self) except -1
