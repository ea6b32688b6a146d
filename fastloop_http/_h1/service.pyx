"""What the connections of one server on one loop share: see service.pxd."""

from cpython.ref cimport Py_REFCNT

from fastloop._sys.cpython cimport PyContext_CopyCurrent
from fastloop_http._h1.counters cimport counted
from fastloop_http._h1.refusal cimport limits_init


# Seconds from drain() to the end of idle connections.
DRAIN_DELAY_S = 0.02


cdef int64_t nanoseconds(object seconds) except -1:
    """Return a timeout in nanoseconds; 0 for None, which is no timeout."""
    return 0 if seconds is None else max(<int64_t>(<double>seconds * 1e9), 1)


cdef class Service:
    """The shared part of a server's connections, each of which is a `connection.HttpConnection` of its."""

    def __init__(
        self,
        LoopCore loop,
        dict exact,
        PathTree tree,
        dispatch,
        *,
        max_head_bytes,
        max_fields,
        max_field_bytes,
        max_target_bytes,
        max_body_bytes,
        max_chunk_ext_bytes,
        max_trailer_bytes,
        head_timeout_s,
        keep_alive_timeout_s,
        body_grace_s,
        min_body_bytes_per_s,
        write_timeout_s,
        half_close_timeout_s,
        background,
        proxies=None,
        access_log=None,
    ):
        """exact, tree, dispatch: of the router's `Routes`.

        The limits and timeouts are the server's options. background, proxies: see service.pxd. access_log is
        called for each request, as access.pxd says; None: nobody is.
        """
        limits_init(&self.limits)
        self.limits.head_bytes = max_head_bytes
        self.limits.field_count = max_fields
        self.limits.field_bytes = max_field_bytes
        self.limits.target_bytes = max_target_bytes
        self.limits.chunk_ext_bytes = max_chunk_ext_bytes
        self.limits.trailer_bytes = max_trailer_bytes
        self.limits.body_bytes = -1
        self.max_body_bytes = max_body_bytes
        self.timeouts.head = nanoseconds(head_timeout_s)
        self.timeouts.keep_alive = nanoseconds(keep_alive_timeout_s)
        self.timeouts.body_grace = nanoseconds(body_grace_s)
        self.timeouts.body_byte = nanoseconds(1 / min_body_bytes_per_s)
        self.timeouts.write = nanoseconds(write_timeout_s)
        self.timeouts.half_close = nanoseconds(half_close_timeout_s)
        self.loop = loop
        self.exact = RouteTable(exact)
        self.tree = tree
        self.dispatch = dispatch
        self.background = background
        self.proxies = proxies
        self.access_log = access_log
        self.context = PyContext_CopyCurrent()
        self.encoder = Encoder()
        self.chunks = Chunks()
        self.connections = set()
        self.wheel = Wheel(loop)

    def abort(self):
        """Close every connection at once; handlers that are suspended are cancelled."""
        for connection in self.connections.copy():
            connection.abort()

    def drain(self):
        """Have every connection end with the answers it has begun; return a future of the last one's end.

        Those that wait for another request are closed, once what has arrived by now has been looked at.
        """
        if self.drained is None:
            self.draining = True
            self.drained = self.loop.create_future()
            # Not at once: a request that is on its way, or here already, is answered.
            self.loop.call_later(DRAIN_DELAY_S, self.close_idle)
        return self.drained

    def close_idle(self):
        """Close the connections that have nothing to answer: drain() calls this."""
        for connection in self.connections.copy():
            connection.close_if_idle()
        if not self.connections:
            self.tell_drained()

    def __len__(self):
        """The number of open connections."""
        return len(self.connections)

    def counts(self):
        """Return what has been counted so far, as counters.pxd has it: `stats.Stats` makes sense of it."""
        return counted(&self.counters)

    cdef int opened(self, object connection) except -1:
        self.connections.add(connection)
        return 0

    cdef int closed(self, object connection) except -1:
        self.connections.discard(connection)
        if self.draining and not self.connections:
            self.tell_drained()
        return 0

    def tell_drained(self):
        """Tell who waits for the last connection."""
        if not self.drained.done():
            self.drained.set_result(None)

    cdef Request take_request(self):
        cdef Request request = self.spare_request
        if request is None:
            return Request.__new__(Request)
        self.spare_request = None
        return request

    cdef int give_request(self, Request request) except -1:
        """Keep request for the next message, if the caller's is the only reference to it."""
        if Py_REFCNT(request) == 1 and self.spare_request is None:
            request.reset()
            self.spare_request = request
        else:
            request.over = True
        return 0
