"""What a connection tells of itself: to its service's counters, and to the access log, if there is one.

Between Timed and Answering. Each request that is handed to a handler is answered in full or lost, once.
"""

from libc.stdint cimport int64_t

from fastloop._sys.epoll cimport fastloop_monotonic_ns
from fastloop_http._h1.counters cimport Counters, count_gathered
from fastloop_http._h1.head cimport Head
from fastloop_http._h1.request cimport Request
from fastloop_http._h1.timeouts cimport Timed


cdef class Observed(Timed):
    cdef bint handling          # a request is being answered
    cdef Request logged         # that one, where the access log is to tell its client; None: it is not
    cdef int64_t received_ns    # when bytes last came
    cdef int64_t begun_ns       # when those last came of which the messages being answered are

    # The connection ends before a request is answered; status, sent: of what has been sent of an answer, 0
    # where that is nothing. head: NULL where it is gone.
    cdef int note_lost(self, int status, int64_t sent, const Head* head, const char* data) except -1
    # The size bytes at data are refused: they are no request, or none we take.
    cdef int note_refused(self, int status, int64_t sent, const char* data, Py_ssize_t size) except -1

    cdef int tell(self, const Head* head, const char* data, int status, int64_t sent, bint complete) except -1
    cdef object client(self)


cdef inline void note_received(Observed connection, Py_ssize_t size) noexcept:
    """Count size bytes that have come now."""
    connection.service.counters.bytes_received += size
    # While it is in the wheel the loop has a timer, and looks at the clock whenever it polls.
    connection.received_ns = (
        fastloop_monotonic_ns() if connection.entry.link is NULL else connection.service.loop.polled_ns
    )


cdef inline void note_request(Observed connection) noexcept:
    """Count a request that is handed to its handler."""
    connection.handling = True
    connection.service.counters.requests += 1


cdef inline int note_answered(
    Observed connection, const Head* head, const char* data, int status, int64_t sent, bint complete
) except -1:
    """Count the answer to the request whose head is at data; complete: not cut short by an error."""
    connection.handling = False
    connection.service.counters.answers[status // 100] += 1
    if connection.service.access_log is not None:
        return connection.tell(head, data, status, sent, complete)
    return 0


cdef inline void note_sent(Counters* counters, int64_t begun_ns, Py_ssize_t size) noexcept:
    """Count size bytes as sent now, and the answers among them, to requests received at begun_ns."""
    counters.bytes_sent += size
    if counters.gathered:
        count_gathered(counters, fastloop_monotonic_ns() - begun_ns)
