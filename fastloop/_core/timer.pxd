cimport cython
from libc.stdint cimport int64_t, uint64_t

from cpython.object cimport PyObject

from fastloop._core.handle cimport Handle
from fastloop._core.holders cimport HandlePool, Holder


cdef enum:
    NS = 1_000_000_000  # nanoseconds a second


cdef class TimerHandle(Handle):
    cdef readonly double _when      # seconds, on the loop's clock
    cdef int64_t deadline_ns
    cdef TimerHeap heap             # while it waits there; None before and after

    cdef int set_deadline(self, double when, double deadline_ns) except -1


cdef class TracedTimerHandle(TimerHandle):
    cdef object created             # the stack that scheduled it
    cdef object forgotten           # what a cancelled one was to call


cdef struct Entry:
    int64_t deadline_ns
    uint64_t sequence               # ties go to the earlier call
    PyObject* timer                 # owned reference to TimerHandle


@cython.final
cdef class TimerHeap(Holder):
    cdef Py_ssize_t count           # timers in both
    cdef Py_ssize_t cancelled       # of count: cancelled, not yet taken out
    cdef uint64_t sequence
    cdef HandlePool pool            # of the timers that are through
    # The heap.
    cdef Entry* entries
    cdef Py_ssize_t heaped          # how many
    cdef Py_ssize_t capacity
    # The queue: line[line_head:line_tail].
    cdef Entry* line
    cdef Py_ssize_t line_head
    cdef Py_ssize_t line_tail
    cdef Py_ssize_t line_capacity

    cdef int add(self, TimerHandle timer) except -1
    cdef int make_line_room(self) except -1
    cdef TimerHandle take(self, const Entry* place)
    cdef int drop(self, TimerHandle timer) except -1
    cdef const Entry* maybe_soonest(self) except? NULL
    cdef TimerHandle maybe_due(self, int64_t now_ns)
    cdef int64_t next_deadline_ns(self) except? -1
    cdef void sift_up(self, Py_ssize_t hole, Entry entry) noexcept
    cdef void sift_down(self, Py_ssize_t hole, Entry entry) noexcept
    cdef Py_ssize_t keep_live(self, Entry* entries, Py_ssize_t count, list dropped) except -1
    cdef int compact(self) except -1
