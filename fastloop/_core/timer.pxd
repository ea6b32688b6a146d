cimport cython
from libc.stdint cimport int64_t, uint64_t

from cpython.object cimport PyObject

from fastloop._core.handle cimport Handle, Holder


cdef enum:
    NS = 1_000_000_000  # nanoseconds a second


cdef class TimerHandle(Handle):
    cdef readonly double _when      # seconds, on the loop's clock
    cdef int64_t deadline_ns
    cdef TimerHeap heap             # while it waits there; None before and after


cdef class TracedTimerHandle(TimerHandle):
    cdef object created             # the stack that scheduled it
    cdef object forgotten           # what a cancelled one was to call


cdef TimerHandle blank_timer(bint traced, double when, double deadline_ns)


cdef struct Entry:
    int64_t deadline_ns
    uint64_t sequence               # ties go to the earlier call
    PyObject* timer                 # owned reference to TimerHandle


@cython.final
cdef class TimerHeap(Holder):
    cdef Entry* entries
    cdef Py_ssize_t count
    cdef Py_ssize_t capacity
    cdef Py_ssize_t cancelled       # of count: cancelled, not yet taken out
    cdef uint64_t sequence

    cdef int add(self, TimerHandle timer) except -1
    cdef TimerHandle pop(self)
    cdef int64_t next_deadline_ns(self) except? -1
    cdef void sift_up(self, Py_ssize_t hole, Entry entry) noexcept
    cdef void sift_down(self, Py_ssize_t hole, Entry entry) noexcept
    cdef int compact(self) except -1
