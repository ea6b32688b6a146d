"""How long a connection waits, and for what: see timeouts.pxd."""

from fastloop._sys.epoll cimport fastloop_monotonic_ns
from fastloop_http._h1.service cimport Timeouts


cdef enum:
    # Nanoseconds a client has to see the last answer and close, before unread bytes would make the kernel
    # take it back by a reset.
    LINGER_NS = 5_000_000_000
    # And one that has just been accepted by a server that is to end, for its first request, which is on its
    # way: nobody opens a connection without.
    DRAIN_NS = 1_000_000_000
    # How often it is looked at, in the time that a peer has to take something, whether it has: the clock
    # begins with the look that finds it, and nobody is told when the peer takes something.
    WRITE_LOOKS = 8


cdef int64_t look(void* owner, int64_t now_ns) except -1:
    # SAFETY: a connection leaves the wheel when it is lost.
    return (<Timed>owner).look(now_ns)


cdef class Timed(Protocol):
    """The state of a connection that says what it waits for, and for how long it may."""

    def abort(self):
        """Close at once; a handler that is suspended is cancelled."""
        self.transport.abort()

    def close_if_idle(self):
        """Close unless there is something to answer, or to be seen by the client."""
        if self.answered is None and self.incoming is None and self.request is None and not self.finished:
            if self.fresh:
                self.begin_to_wait()
            else:
                self.finished = True
                self.transport.close_c()

    cdef int begin_to_be_timed(self) except -1:
        """Count the time to the first head."""
        self.fresh = True
        self.entry.owner = <void*>self
        self.service.wheel.ask = look
        return self.begin_to_wait()

    cdef int begin_to_wait(self) except -1:
        """Count the time of what is waited for from now on."""
        cdef int64_t deadline_ns
        self.since_ns = self.stalled_ns = fastloop_monotonic_ns()
        self.stalled = self.untaken()
        if self.incoming is not None:
            self.counted = self.incoming.received
        deadline_ns = self.next_look_ns(self.since_ns)
        return self.service.wheel.ask_by(&self.entry, deadline_ns) if deadline_ns else 0

    cdef int begin_to_stall(self) except -1:
        """Count the time in which the peer takes nothing of a streamed answer; it has just been queued."""
        cdef int64_t deadline_ns
        self.stalled_ns = fastloop_monotonic_ns()
        self.stalled = self.untaken()
        deadline_ns = self.next_look_ns(self.stalled_ns)
        return self.service.wheel.ask_by(&self.entry, deadline_ns) if deadline_ns else 0

    cdef int64_t next_look_ns(self, int64_t now_ns) noexcept:
        """Return when to look at what is waited for; 0: not before begin_to_wait() or begin_to_stall()."""
        cdef int64_t deadline_ns = self.deadline_ns(now_ns)
        cdef int64_t keep_alive = self.service.timeouts.keep_alive
        if deadline_ns and self.untaken():
            return min(deadline_ns, now_ns + self.service.timeouts.write // WRITE_LOOKS)
        # An answer begins the wait for another request, and does not tell the wheel.
        return min(deadline_ns, now_ns + keep_alive) if deadline_ns and keep_alive else deadline_ns

    cdef int64_t deadline_ns(self, int64_t now_ns) noexcept:
        """Return when what is waited for is late; 0: never."""
        cdef const Timeouts* timeouts = &self.service.timeouts
        cdef int64_t untaken = self.untaken()
        cdef int64_t most
        if untaken:
            if untaken != self.stalled:
                self.stalled = untaken
                self.stalled_ns = now_ns
            return self.stalled_ns + timeouts.write if timeouts.write else 0
        if self.lingering:
            return self.since_ns + LINGER_NS
        if self.finished:
            return 0
        if self.incoming is not None:
            return self.body_deadline_ns()
        if self.half_closed:
            most = timeouts.half_close
        elif self.answered is not None:
            most = 0
        elif self.fresh and self.request is None and self.service.draining:
            most = DRAIN_NS
        elif self.fresh or self.request is not None:
            most = timeouts.head
        else:
            most = timeouts.keep_alive
        return self.since_ns + most if most else 0

    cdef int64_t untaken(self) noexcept:
        return self.transport.queued

    cdef int64_t body_deadline_ns(self) noexcept:
        cdef const Timeouts* timeouts = &self.service.timeouts
        cdef Incoming incoming = self.incoming
        if self.continue_due or incoming.full() or not timeouts.body_grace:
            return 0  # it is we who make the client wait
        if incoming.error is not None and not incoming.discarding:
            return 0  # nothing more is waited for
        return self.since_ns + timeouts.body_grace + (incoming.received - self.counted) * timeouts.body_byte

    cdef int64_t look(self, int64_t now_ns) except -1:
        """End what is late; return when to look again, 0 for never: the wheel asks."""
        cdef int64_t deadline_ns = self.deadline_ns(now_ns)
        if deadline_ns and deadline_ns <= now_ns:
            self.time_out()
        return self.next_look_ns(now_ns)

    cdef int time_out(self) except -1:
        """End what is waited for."""
        raise NotImplementedError(f"{type(self).__name__}.time_out")

    cdef int task_done(self) except -1:
        raise NotImplementedError(f"{type(self).__name__}.task_done")

    cdef int give_up(self) except -1:
        raise NotImplementedError(f"{type(self).__name__}.give_up")
