"""Coarse deadlines of many owners: see wheel.pxd."""

from cpython.ref cimport Py_DECREF, Py_INCREF

from fastloop._sys.cpython cimport PyContext_CopyCurrent
from fastloop._sys.epoll cimport fastloop_monotonic_ns


cdef class Wheel:
    """A timer wheel: a ring of buckets, of which a single timer of the loop knows the next that is not empty.

    Sleeps while all are empty: an idle loop is not woken.
    """

    def __cinit__(self, LoopCore loop):
        self.loop = loop
        self.context = PyContext_CopyCurrent()

    cdef int ask_by(self, Entry* entry, int64_t deadline_ns) except -1:
        # Rounded up: nobody is asked early.
        cdef int64_t tick = (deadline_ns + GRAIN_NS - 1) // GRAIN_NS
        if entry.link is not NULL:
            if entry.tick <= tick:
                return 0
            self.leave(entry)
        return self.insert(entry, tick)

    cdef void leave(self, Entry* entry) noexcept:
        if entry.link is NULL:
            return
        # SAFETY: link is in the bucket, in `due` or in the entry before, which all know of this one.
        entry.link[0] = entry.next
        if entry.next is not NULL:
            entry.next.link = entry.link
        entry.next = NULL
        entry.link = NULL
        self.count -= 1

    cdef int insert(self, Entry* entry, int64_t tick) except -1:
        cdef Entry** bucket
        if self.count == 0:
            # Nothing was counted while all was empty.
            self.done = fastloop_monotonic_ns() // GRAIN_NS
        tick = min(max(tick, self.done + 1), self.done + BUCKETS - 1)
        bucket = &self.buckets[tick & (BUCKETS - 1)]
        # SAFETY: the owner takes its entry out before it goes away.
        entry.tick = tick
        entry.next = bucket[0]
        entry.link = bucket
        if entry.next is not NULL:
            entry.next.link = &entry.next
        bucket[0] = entry
        self.count += 1
        if not self.turning and (self.timer is None or tick < self.timer_tick):
            self.set_timer(tick)
        return 0

    cdef int set_timer(self, int64_t tick) except -1:
        if self.timer is not None:
            self.timer.cancel()
        self.timer_tick = tick
        self.timer = self.loop.call_later(
            max(tick * GRAIN_NS - fastloop_monotonic_ns(), 0) / 1e9, self.on_timer, context=self.context
        )
        return 0

    def on_timer(self):
        """Ask whose bucket is due: the loop's timer calls this."""
        self.timer = None
        self.turning = True
        try:
            self.turn()
        finally:
            self.turning = False
            if self.count:
                tick = self.done
                # An owner that failed leaves others that have not been asked.
                if self.due is NULL:
                    tick += 1
                    while self.buckets[tick & (BUCKETS - 1)] is NULL:
                        tick += 1
                self.set_timer(tick)

    cdef int turn(self) except -1:
        cdef int64_t now_ns = fastloop_monotonic_ns()
        cdef int64_t last = now_ns // GRAIN_NS
        cdef int64_t again_ns
        cdef void* owner
        cdef Entry* entry
        cdef Entry* first
        while self.done < last:
            self.done += 1
            first = self.buckets[self.done & (BUCKETS - 1)]
            if first is NULL:
                continue
            self.buckets[self.done & (BUCKETS - 1)] = NULL
            entry = first
            while entry.next is not NULL:
                entry = entry.next
            entry.next = self.due
            if self.due is not NULL:
                self.due.link = &entry.next
            self.due = first
            first.link = &self.due
        while self.due is not NULL:
            entry = self.due
            self.leave(entry)
            # SAFETY: owners leave the wheel before they go away, and their entries with them; this one is
            # kept until both have been looked at.
            owner = entry.owner
            Py_INCREF(<object>owner)
            try:
                again_ns = self.ask(owner, now_ns)
                if again_ns and entry.link is NULL:
                    self.ask_by(entry, again_ns)
            finally:
                Py_DECREF(<object>owner)
        return 0
