"""Timers: a queue of those that are set in the order of their deadlines, a 4-ary heap of the others.

Timeouts of one length, which is what most are, are set in order: they cost no search. A cancelled timer stays
until it is the soonest or the cancelled outnumber the live ones; then all of them go at once.
"""

import asyncio

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject, Py_TYPE
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.math cimport ceil
from libc.string cimport memmove

from fastloop._core.handle cimport caller_stack, describe_all, traced_facts
from fastloop._core.holders cimport HandlePool, show_collector
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

    cdef int set_deadline(self, double when, double deadline_ns) except -1:
        """Make it due at deadline_ns on the loop's clock; when is the same in seconds."""
        self._when = when
        # Rounded up: a timer never fires early.
        self.deadline_ns = <int64_t>ceil(min(max(deadline_ns, 0), MAX_DEADLINE_NS))
        return 0

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
        self.drop_call()
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


cdef inline bint earlier(const Entry* a, const Entry* b) noexcept:
    if a.deadline_ns != b.deadline_ns:
        return a.deadline_ns < b.deadline_ns
    return a.sequence < b.sequence


cdef inline bint is_cancelled(const Entry* entry) noexcept:
    # SAFETY: borrowed for the look; the entry owns it.
    return (<TimerHandle>entry.timer)._cancelled


cdef int make_room(Entry** entries, Py_ssize_t* capacity) except -1:
    """Double an array of entries."""
    cdef Py_ssize_t doubled = 2 * capacity[0] if capacity[0] else 64
    cdef Entry* moved = <Entry*>PyMem_Realloc(entries[0], doubled * sizeof(Entry))
    if moved is NULL:
        raise MemoryError
    entries[0] = moved
    capacity[0] = doubled
    return 0


@cython.final
cdef class TimerHeap(Holder):
    """The timers of one loop, soonest first."""

    def __cinit__(self):
        self.pool = HandlePool(TimerHandle)

    def __cinit__(self):
        self.pool = HandlePool(TimerHandle)

    def __dealloc__(self):
        self.clear()
        PyMem_Free(self.entries)
        PyMem_Free(self.line)

    cdef int add(self, TimerHandle timer) except -1:
        cdef Entry entry
        cdef bint in_order = (
            self.line_head == self.line_tail
            or timer.deadline_ns >= self.line[self.line_tail - 1].deadline_ns
        )
        if in_order:
            self.make_line_room()
        elif self.heaped == self.capacity:
            make_room(&self.entries, &self.capacity)
        entry.deadline_ns = timer.deadline_ns
        entry.sequence = self.sequence
        entry.timer = <PyObject*>timer
        # SAFETY: the entry owns this reference until it is taken out, by whichever of the methods below.
        Py_INCREF(timer)
        timer.heap = self
        self.sequence += 1
        self.count += 1
        if in_order:
            self.line[self.line_tail] = entry
            self.line_tail += 1
        else:
            self.heaped += 1
            self.sift_up(self.heaped - 1, entry)
        return 0

    cdef int make_line_room(self) except -1:
        """See that there is a place at the end of the line: from its start, where half of it is free."""
        if self.line_tail < self.line_capacity:
            return 0
        cdef Py_ssize_t waiting = self.line_tail - self.line_head
        if 2 * waiting > self.line_capacity or self.line_capacity == 0:
            return make_room(&self.line, &self.line_capacity)
        memmove(self.line, self.line + self.line_head, waiting * sizeof(Entry))
        self.line_head = 0
        self.line_tail = waiting
        return 0

    cdef TimerHandle take(self, const Entry* place):
        """Take out a timer, cancelled or not: the first in line or in the heap."""
        cdef Entry entry = place[0]
        self.count -= 1
        if place == self.line + self.line_head:
            self.line_head += 1
        else:
            self.heaped -= 1
            if self.heaped:
                self.sift_down(0, self.entries[self.heaped])
        # SAFETY: the cast takes the caller's reference; the entry's own is given up after it.
        cdef TimerHandle timer = <TimerHandle>entry.timer
        Py_DECREF(timer)
        timer.heap = None
        if timer._cancelled:
            self.cancelled -= 1
        return timer

    cdef int drop(self, TimerHandle timer) except -1:
        """Leave a cancelled timer to the pool. It holds nothing any more whose destructor could call back."""
        return self.pool.finish(timer) if Py_TYPE(timer) == self.pool.kind else 0

    cdef const Entry* maybe_soonest(self) except? NULL:
        """Return the soonest live timer's entry, borrowed until the next change; NULL where there is none."""
        while self.line_head < self.line_tail and is_cancelled(&self.line[self.line_head]):
            self.drop(self.take(&self.line[self.line_head]))
        while self.heaped and is_cancelled(self.entries):
            self.drop(self.take(self.entries))
        if self.line_head == self.line_tail:
            return self.entries if self.heaped else NULL
        if self.heaped and earlier(self.entries, &self.line[self.line_head]):
            return self.entries
        return &self.line[self.line_head]

    cdef TimerHandle maybe_due(self, int64_t now_ns):
        """Take the soonest live timer if it is due; None otherwise."""
        cdef const Entry* soonest = self.maybe_soonest()
        if soonest is NULL or soonest.deadline_ns > now_ns:
            return None
        return self.take(soonest)

    cdef int64_t next_deadline_ns(self) except? -1:
        """Return the soonest live deadline; -1 where there is none."""
        cdef const Entry* soonest = self.maybe_soonest()
        return -1 if soonest is NULL else soonest.deadline_ns

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
            if child >= self.heaped:
                break
            best = child
            last = min(child + ARITY, self.heaped)
            for child in range(child + 1, last):
                if earlier(&self.entries[child], &self.entries[best]):
                    best = child
            if not earlier(&self.entries[best], &entry):
                break
            self.entries[hole] = self.entries[best]
            hole = best
        self.entries[hole] = entry

    cdef Py_ssize_t keep_live(self, Entry* entries, Py_ssize_t count, list dropped) except -1:
        """Move the live ones of entries to the front; return how many, and append the others to dropped."""
        cdef Py_ssize_t i, kept = 0
        cdef TimerHandle timer
        for i in range(count):
            if is_cancelled(&entries[i]):
                # SAFETY: the list has taken the reference that the entry gives up.
                timer = <TimerHandle>entries[i].timer
                dropped.append(timer)
                Py_DECREF(timer)
                timer.heap = None
            else:
                entries[kept] = entries[i]
                kept += 1
        return kept

    cdef int compact(self) except -1:
        """Take out every cancelled timer, in linear time."""
        cdef Py_ssize_t i
        cdef list dropped = []
        self.heaped = self.keep_live(self.entries, self.heaped, dropped)
        if self.heaped > 1:
            for i in range((self.heaped - 2) // ARITY, -1, -1):
                self.sift_down(i, self.entries[i])
        self.line_tail = self.keep_live(
            self.line + self.line_head, self.line_tail - self.line_head, dropped
        ) + self.line_head
        self.count = self.heaped + self.line_tail - self.line_head
        self.cancelled = 0
        while dropped:
            self.drop(dropped.pop())
        return 0

    cdef int clear(self) except -1:
        while self.heaped:
            self.take(self.entries)
        while self.line_head < self.line_tail:
            self.take(&self.line[self.line_head])
        return 0

    cdef int visit(self, visitproc visit, void* arg) noexcept:
        cdef Py_ssize_t i
        cdef int stopped = visit(<PyObject*>self.pool, arg)
        if stopped:
            return stopped
        for i in range(self.heaped):
            stopped = visit(self.entries[i].timer, arg)
            if stopped:
                return stopped
        for i in range(self.line_head, self.line_tail):
            stopped = visit(self.line[i].timer, arg)
            if stopped:
                return stopped
        return 0


show_collector(TimerHeap)
