"""How a connection answers: values, errors, refusals and streams, in order; and how it ends behind the last.

The writing half of HttpConnection. What has been encoded gathers in the service's encoder, which is empty but
while a connection is being read or answered.
"""

from libc.stdint cimport int64_t

from fastloop_http._h1.head cimport Head
from fastloop_http._h1.incoming cimport Incoming
from fastloop_http._h1.observed cimport Observed
from fastloop_http._h1.outgoing cimport Outgoing
from fastloop_http._h1.peer cimport Peer
from fastloop_http._h1.request cimport Request
from fastloop_http._h1.request_task cimport RequestTask


cdef enum:
    # Bytes of a body that are dropped, where its handler has not read them, to go on with the connection.
    # Above it the connection costs less to make anew.
    MAX_DROPPED = 256 * 1024
    # And of what follows a last answer: proxies send all of a body before they look at the answer, and make a
    # 502 of a reset that comes earlier.
    MAX_LINGERED = 16 * 1024 * 1024


cdef class Answering(Observed):
    # Received, and not parsed yet: the piece of a head, or requests behind one that is being answered.
    cdef bytearray tail

    # The message being answered: by a handler that has suspended, or by a stream.
    cdef RequestTask task
    cdef Outgoing outgoing      # sends a body as it comes, as that task; None: no answer is streamed
    cdef object upgrade         # the Upgrade that is to follow the end of that task; None: none is
    cdef bint behind            # there are bytes behind it
    cdef bint head_only
    cdef bint keep_alive
    cdef bint minor

    cdef Peer peer              # its other end; None: no handler has been told
    cdef bint write_paused      # the peer does not read: nothing more is answered till it does
    cdef int64_t dropped        # bytes of a body, or of what follows a last answer, that nobody reads

    # Return False where nobody is there to be answered.
    cdef bint answer(self, object value, object error, const Head* head, const char* data) except -1
    cdef bint answer_error(self, object error, const Head* head, const char* data) except -1
    cdef int call_after(self, Request request) except -1
    cdef int begin_stream(self, Request request) except -1
    cdef int end_stream(self, Request request, object error) except -1
    cdef int begin_upgrade(self, Request request) except -1
    cdef int ask_to_upgrade(self, object upgrade) except -1
    cdef int end_upgrade(self, Request request, object error) except -1
    cdef int settle_body(self) except -1
    cdef int refuse(self, int status, str reason, const char* data, Py_ssize_t size) except -1
    cdef int conclude(self) except -1
    cdef int end(self, bint linger) except -1
    cdef int flush(self) except -1
    cdef int reset_peer(self) except -1
    cdef int update_reading(self) except -1


cdef inline int part_with(Answering connection, Request request, bint answered) except -1:
    """Have done with request; answered: not lost, so that what it has asked for after that is due."""
    if answered and request.extras is not None:
        connection.call_after(request)
    return connection.service.give_request(request)
