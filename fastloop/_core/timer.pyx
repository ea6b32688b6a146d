"""Timers: a 4-ary heap ordered by deadline, with lazy cancel.

A cancelled timer stays until it reaches the top or outnumbers the live ones; then all of them go at once.
"""

import asyncio

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.math cimport ceil

from fastloop._core.handle cimport caller_stack, describe_all, show_collector, traced_facts
from fastloop._sys.cpython cimport visitproc


cdef enum:
    ARITY = 4             # children in one cache line or two, half the depth of a binary heap
    COMPACT_FROM = 64     # below this many cancelled timers, sweeping is not worth the while


# Farthest deadline in nanoseconds: 146 years of uptime, half of what the clock can hold.
cdef double MAX_DEADLINE_NS = 4.6e18


cdef class TimerHandle(Handle):
    """A callback due at a time, as `asyncio.TimerHandle`. Made by the loop, never by callers."""

    @property
    def __class__(self):
        return asyncio.TimerHandle

    def when(self):
        """Return the time the callback is due at, in seconds on the loop's clock."""
        return self._when

    @property
    def _scheduled(self):
        return self.heap is not None

    def cancel(self):
        """Keep the callback from running. Without effect once it has run."""
        cdef TimerHeap heap = self.heap
        if self._cancelled:
            return
        Handle.cancel(self)
        # Out of the heap it runs now or in this turn: its own errors are still to be reported.
        if heap is not None:
            self._loop = None
            self.context = None
            heap.cancelled += 1
            if heap.cancelled > COMPACT_FROM and 2 * heap.cancelled > heap.count:
                heap.compact()

    cdef list facts(self):
        cdef list facts = Handle.facts(self)
        facts.insert(2 if self._cancelled else 1, f"when={self._when}")
        return facts

    def __lt__(self, other):
        return self._when < other.when() if isinstance(other, asyncio.TimerHandle) else NotImplemented

    def __le__(self, other):
        return self._when <= other.when() if isinstance(other, asyncio.TimerHandle) else NotImplemented

    def __gt__(self, other):
        return self._when > other.when() if isinstance(other, asyncio.TimerHandle) else NotImplemented

    def __ge__(self, other):
        return self._when >= other.when() if isinstance(other, asyncio.TimerHandle) else NotImplemented

    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return hash(self._when)


cdef class TracedTimerHandle(TimerHandle):
    """A timer made in debug mode: remembers where, and what it was to call."""

    def __cinit__(self):
        self.created = caller_stack()

    @property
    def _source_traceback(self):
        return self.created

    cdef object describe(self, callback, args):
        return describe_all(callback, args)

    def cancel(self):
        """Keep the callback from running. Without effect once it has run."""
        if not self._cancelled and self.callback is not None:
            self.forgotten = self.describe(self.callback, self.arguments())
        TimerHandle.cancel(self)

    cdef list facts(self):
        return TimerHandle.facts(self) + traced_facts(self.forgotten, self.created)


cdef TimerHandle blank_timer(bint traced, double when, double deadline_ns):
    """Return a timer due at deadline_ns on the loop's clock; when is the same in seconds."""
    cdef TimerHandle timer
    if traced:
        timer = TracedTimerHandle.__new__(TracedTimerHandle)
    else:
        timer = TimerHandle.__new__(TimerHandle)
    timer._when = when
    # Rounded up: a timer never fires early.
    timer.deadline_ns = <int64_t>ceil(min(max(deadline_ns, 0), MAX_DEADLINE_NS))
    return timer


cdef inline bint earlier(const Entry* a, const Entry* b) noexcept:
    if a.deadline_ns != b.deadline_ns:
        return a.deadline_ns < b.deadline_ns
    return a.sequence < b.sequence


@cython.final
cdef class TimerHeap(Holder):
    """The timers of one loop, soonest first."""

    def __dealloc__(self):
        self.clear()
        PyMem_Free(self.entries)

    cdef int add(self, TimerHandle timer) except -1:
        cdef Entry entry
        cdef Py_ssize_t capacity
        cdef Entry* entries
        if self.count == self.capacity:
            capacity = 2 * self.capacity if self.capacity else 64
            entries = <Entry*>PyMem_Realloc(self.entries, capacity * sizeof(Entry))
            if entries is NULL:
                raise MemoryError
            self.entries = entries
            self.capacity = capacity
        entry.deadline_ns = timer.deadline_ns
        entry.sequence = self.sequence
        entry.timer = <PyObject*>timer
        # SAFETY: the entry owns this reference until pop(), compact() or clear().
        Py_INCREF(timer)
        timer.heap = self
        self.sequence += 1
        self.count += 1
        self.sift_up(self.count - 1, entry)
        return 0

    cdef TimerHandle pop(self):
        """Take the soonest, cancelled or not; the heap must not be empty."""
        cdef Entry top = self.entries[0]
        self.count -= 1
        if self.count:
            self.sift_down(0, self.entries[self.count])
        # SAFETY: the cast takes the caller's reference; the entry's own is given up after it.
        cdef TimerHandle timer = <TimerHandle>top.timer
        Py_DECREF(timer)
        timer.heap = None
        if timer._cancelled:
            self.cancelled -= 1
        return timer

    cdef int64_t next_deadline_ns(self) except? -1:
        """Return the soonest live deadline; -1 where there is none."""
        while self.count:
            # SAFETY: borrowed for the look; the entry owns it.
            if not (<TimerHandle>self.entries[0].timer)._cancelled:
                return self.entries[0].deadline_ns
            self.pop()
        return -1

    cdef void sift_up(self, Py_ssize_t hole, Entry entry) noexcept:
        cdef Py_ssize_t parent
        while hole:
            parent = (hole - 1) // ARITY
            if not earlier(&entry, &self.entries[parent]):
                break
            self.entries[hole] = self.entries[parent]
            hole = parent
        self.entries[hole] = entry

    cdef void sift_down(self, Py_ssize_t hole, Entry entry) noexcept:
        cdef Py_ssize_t child, best, last
        while True:
            child = ARITY * hole + 1
            if child >= self.count:
                break
            best = child
            last = min(child + ARITY, self.count)
            for child in range(child + 1, last):
                if earlier(&self.entries[child], &self.entries[best]):
                    best = child
            if not earlier(&self.entries[best], &entry):
                break
            self.entries[hole] = self.entries[best]
            hole = best
        self.entries[hole] = entry

    cdef int compact(self) except -1:
        """Take out every cancelled timer, in linear time."""
        cdef Py_ssize_t i, kept = 0
        cdef list dropped = []
        cdef TimerHandle timer
        for i in range(self.count):
            timer = <TimerHandle>self.entries[i].timer
            if timer._cancelled:
                # Released after the heap is whole again: a destructor may call back into it.
                dropped.append(timer)
                Py_DECREF(timer)
                timer.heap = None
            else:
                self.entries[kept] = self.entries[i]
                kept += 1
        self.count = kept
        self.cancelled = 0
        for i in range((kept - 2) // ARITY, -1, -1):
            self.sift_down(i, self.entries[i])
        return 0

    cdef int clear(self) except -1:
        while self.count:
            self.pop()
        return 0

    cdef int visit(self, visitproc visit, void* arg) noexcept:
        cdef Py_ssize_t i
        cdef int stopped
        for i in range(self.count):
            stopped = visit(self.entries[i].timer, arg)
            if stopped:
                return stopped
        return 0


show_collector(TimerHeap)
