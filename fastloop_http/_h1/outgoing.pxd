"""The body of one answer that is sent as it comes."""

from libc.stdint cimport int64_t

from fastloop._core.transport cimport Transport
from fastloop_http._h1.response cimport Framing
from fastloop_http._h1.service cimport Service
from fastloop_http._h1.streamed cimport Stream


cdef class Outgoing:
    cdef Transport transport
    cdef Service service
    cdef Stream stream
    cdef Framing framing

    cdef int status
    cdef int64_t begun_ns       # when its request was received
    cdef bytes head             # of the answer: sent with the first piece, or when none is there yet
    cdef int64_t sent           # bytes of content so far
    cdef int64_t untaken        # bytes still to go past the transport's queue: those of a file
    cdef bytes frame            # the begin of a chunk of `framed` bytes; most have the size of the last
    cdef Py_ssize_t framed
    cdef bint paused            # the client has not taken enough yet
    cdef object room            # future of who waits until it has; None: nobody

    cdef int begin(self, Transport transport, Service service, int64_t begun_ns, bint paused) except -1
    cdef int send_head(self) except -1
    cdef int go_on(self) except -1
    cdef int put(self, object piece) except -1
    cdef int write(self, bytes prefix, bytes content, bytes suffix) except -1
    cdef int finish(self) except -1
