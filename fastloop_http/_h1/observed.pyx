"""What a connection tells of itself: see observed.pxd."""

from fastloop_http._h1.access cimport tell_refused, tell_request


cdef enum:
    # Of the access log, for a request whose client has gone before anything was sent: nginx's.
    CLIENT_GONE = 499


cdef class Observed(Timed):
    """What a connection tells its service's counters and access log."""

    cdef int note_lost(self, int status, int64_t sent, const Head* head, const char* data) except -1:
        self.handling = False
        self.service.counters.disconnects += 1
        if self.service.access_log is not None and head is not NULL:
            return self.tell(head, data, status or CLIENT_GONE, sent, False)
        return 0

    cdef int note_refused(self, int status, int64_t sent, const char* data, Py_ssize_t size) except -1:
        self.service.counters.requests += 1
        self.service.counters.answers[status // 100] += 1
        if self.service.access_log is not None:
            tell_refused(self.service.access_log, self.client(), data, size, status, sent,
                         fastloop_monotonic_ns() - self.begun_ns)
        return 0

    cdef int tell(self, const Head* head, const char* data, int status, int64_t sent,
                  bint complete) except -1:
        """Tell the access log of the request whose head is at data."""
        return tell_request(self.service.access_log, self.client(), head, data, status, sent,
                            fastloop_monotonic_ns() - self.begun_ns, complete)

    cdef object client(self):
        """Return the address of who is served, as the access log is to show it."""
        request, self.logged = self.logged, None
        # There is none of what was refused.
        client = None if request is None else request.client
        return self.transport.get_extra_info("peername") if client is None else client
