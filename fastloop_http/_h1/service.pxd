"""What the connections of one server on one loop share: limits, timeouts, routes, and what is used again."""

from libc.stdint cimport int64_t

from fastloop._core.loop cimport LoopCore
from fastloop._core.task cimport Task
from fastloop._core.wheel cimport Ask, Wheel
from fastloop_http._h1.counters cimport Counters
from fastloop_http._h1.incoming cimport Chunks
from fastloop_http._h1.refusal cimport Limits
from fastloop_http._h1.request cimport Request
from fastloop_http._h1.response cimport Encoder
from fastloop_http._h1.routes cimport PathTree, RouteTable


cdef struct Timeouts:           # nanoseconds; 0: never
    int64_t head                # for a head to be complete: from the accept, or from its first byte
    int64_t keep_alive          # for the first byte of another request
    int64_t body_grace          # before the rate of a body counts
    int64_t body_byte           # for each byte of a body beyond that
    int64_t write               # for the peer to take something of what waits for it
    int64_t half_close          # for a handler to end once its client has ended its side


cdef class Service:
    cdef LoopCore loop
    cdef RouteTable exact
    cdef PathTree tree          # all paths, for what is not in exact
    cdef object dispatch        # dispatch(request): whatever is in neither
    # proxies(client, unix, scheme, headers) -> (client, scheme, host): who has sent a request with these
    # headers through client; None: nobody is believed.
    cdef object proxies
    cdef object context         # handlers run in copies of it
    cdef Limits limits          # with none for the size of a body: whoever gathers it looks
    cdef int64_t max_body_bytes
    cdef Timeouts timeouts
    cdef Wheel wheel
    cdef Encoder encoder        # shared: empty but while one connection is being read or answered
    cdef Chunks chunks          # what bodies are received into
    cdef Counters counters
    # background(transport, request_line, calls) -> None: request.after() of a request that is answered, its
    # calls as (context, call, args).
    cdef object background
    cdef object access_log      # called for each request, as access.pxd says; None: there is none

    cdef set connections        # the open ones
    cdef bint draining          # each ends with the answer it has begun
    cdef object drained         # future of who waits for the last; None: nobody does

    # One idle request and one idle task, for the next message on any connection; None while in use.
    cdef Request spare_request
    cdef Task spare_task

    cdef Request take_request(self)
    cdef int give_request(self, Request request) except -1
    cdef int opened(self, object connection) except -1
    cdef int closed(self, object connection) except -1
