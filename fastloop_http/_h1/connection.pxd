cimport cython
from libc.stdint cimport int64_t

from fastloop_http._h1.head cimport Head
from fastloop_http._h1.incoming cimport Incoming
from fastloop_http._h1.request cimport Request
from fastloop_http._h1.request_task cimport RequestTask
from fastloop_http._h1.timeouts cimport Timed


@cython.final
cdef class HttpConnection(Timed):
    # Received, and not parsed yet: the piece of a head, or requests behind one that is being answered.
    cdef bytearray tail

    # The message being answered by a handler that has suspended.
    cdef RequestTask task
    cdef bint head_only
    cdef bint keep_alive
    cdef bint minor

    cdef bint write_paused      # the peer does not read: nothing more is answered till it does
    cdef bint awaits_body       # the body being received is let in
    cdef int64_t dropped        # bytes of it, or of what follows a last answer, that nobody reads

    cdef int receive(self, const char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t read_messages(self, const char* data, Py_ssize_t size) except -1
    cdef int begin_body(self, Request request, const char* data) except -1
    cdef Py_ssize_t read_body(self, const char* data, Py_ssize_t size) except -1
    cdef int body_wanted(self) except -1
    cdef int read_tail(self) except -1
    cdef int drop(self, Py_ssize_t size) except -1
    cdef int handle(self, Request request, const char* data) except -1
    cdef int answer(self, object value, object error, const Head* head, const char* data) except -1
    cdef bint answer_error(self, object error, const Head* head, const char* data) except -1
    cdef int settle_body(self) except -1
    cdef int refuse(self, int status, str reason, bint head_only) except -1
    cdef int conclude(self) except -1
    cdef int end(self, bint linger) except -1
    cdef int flush(self) except -1
    cdef int resume(self) except -1
    cdef int update_reading(self) except -1
    cdef int lose_client(self) except -1
