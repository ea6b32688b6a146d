"""What the access log is told of a request. Knows bytes, not sockets.

It is called as log(client, line, method, target, version, status, sent, duration_ns, referer,
agent, complete).

client: as it was given; status, sent (bytes of the body), duration_ns: int; complete (bool): all of the
answer was sent. The others are str that a peer has made, escaped and cut: safe to log within quotes; None
where there is none. line is the request line, or the first line of what is no request; method, target and
version are its parts.
"""

from libc.stdint cimport int64_t

from fastloop_http._h1.head cimport Head


cdef int tell_request(object log, object client, const Head* head, const char* data, int status, int64_t sent,
                      int64_t duration_ns, bint complete) except -1
cdef int tell_refused(object log, object client, const char* data, Py_ssize_t size, int status, int64_t sent,
                      int64_t duration_ns) except -1
