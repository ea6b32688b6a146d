"""How long a connection waits, and for what: heads, bodies, readers, the next request.

The base of HttpConnection: the part of its state that tells what is waited for. A connection that is answered
at once stores the time and no more; the wheel of the service looks at it now and then.
"""

from libc.stdint cimport int64_t

from fastloop._core.transport cimport Protocol, Transport
from fastloop._core.wheel cimport Entry
from fastloop_http._h1.incoming cimport Incoming
from fastloop_http._h1.request cimport Request
from fastloop_http._h1.service cimport Service


cdef class Timed(Protocol):
    cdef Service service
    cdef Transport transport

    # The message being read.
    cdef Request request        # its head is not complete; None: it has not begun, or is complete
    cdef Incoming incoming      # its body is not complete; None: it is, or there is none
    cdef bint continue_due      # its client waits for 100 (Continue) before it sends the body
    # The message being answered by a handler that has suspended; None: there is none.
    cdef Request answered

    cdef bint fresh             # nothing complete has come yet
    cdef bint half_closed       # the client has ended its side
    cdef bint finished          # nothing more is read
    cdef bint lingering         # all is answered; what still comes is dropped till the client has seen it

    # Time.
    cdef Entry entry            # in the service's wheel
    cdef int64_t since_ns       # when began what is waited for now
    cdef int64_t counted        # bytes of the body that had come, or of the answer that had gone, then
    cdef int64_t stalled_ns     # when the peer was last seen to take something of what is queued for it
    cdef int64_t stalled        # bytes that waited for it then

    cdef int begin_to_be_timed(self) except -1
    cdef int begin_to_wait(self) except -1
    # Count the time in which the peer takes nothing of a stream, which does not wait for anything else.
    cdef int begin_to_stall(self) except -1
    cdef int64_t next_look_ns(self, int64_t now_ns) noexcept
    cdef int64_t deadline_ns(self, int64_t now_ns) noexcept
    # Bytes that are there for the peer, and that it has not taken.
    cdef int64_t untaken(self) noexcept
    cdef int64_t body_deadline_ns(self) noexcept
    cdef int64_t look(self, int64_t now_ns) except -1
    cdef int time_out(self) except -1

    # The task of `answered` is done: answer it, and go on.
    cdef int task_done(self) except -1
    # Drop the connection after an error that no answer can tell of; it is in no state to go on.
    cdef int give_up(self) except -1
