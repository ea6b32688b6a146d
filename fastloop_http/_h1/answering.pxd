"""How a connection answers: values, errors, refusals and streams, in order; and how it ends behind the last.

The writing half of HttpConnection. What has been encoded gathers in the service's encoder, which is empty but
while a connection is being read or answered.
"""

from libc.stdint cimport int64_t

from fastloop_http._h1.head cimport Head
from fastloop_http._h1.incoming cimport Incoming
from fastloop_http._h1.outgoing cimport Outgoing
from fastloop_http._h1.request cimport Request
from fastloop_http._h1.request_task cimport RequestTask
from fastloop_http._h1.timeouts cimport Timed


cdef enum:
    # Bytes of a body that are dropped, where its handler has not read them, to go on with the connection; and
    # of what follows a last answer. Above it the connection costs less to make anew.
    MAX_DROPPED = 256 * 1024


cdef class Answering(Timed):
    # Received, and not parsed yet: the piece of a head, or requests behind one that is being answered.
    cdef bytearray tail

    # The message being answered: by a handler that has suspended, or by a stream.
    cdef RequestTask task
    cdef Outgoing outgoing      # sends a body as it comes, as that task; None: no answer is streamed
    cdef bint behind            # there are bytes behind it
    cdef bint head_only
    cdef bint keep_alive
    cdef bint minor

    cdef bint write_paused      # the peer does not read: nothing more is answered till it does
    cdef int64_t dropped        # bytes of a body, or of what follows a last answer, that nobody reads

    cdef int answer(self, object value, object error, const Head* head, const char* data) except -1
    cdef bint answer_error(self, object error, const Head* head, const char* data) except -1
    cdef int begin_stream(self, Request request) except -1
    cdef int end_stream(self, Request request, object error) except -1
    cdef int settle_body(self) except -1
    cdef int refuse(self, int status, str reason, bint head_only) except -1
    cdef int conclude(self) except -1
    cdef int end(self, bint linger) except -1
    cdef int flush(self) except -1
    cdef int reset_peer(self) except -1
    cdef int update_reading(self) except -1
