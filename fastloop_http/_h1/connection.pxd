cimport cython
from libc.stdint cimport int64_t

from fastloop._core.loop cimport LoopCore
from fastloop._core.task cimport Task
from fastloop._core.transport cimport Protocol, Transport
from fastloop_http._h1.head cimport Head
from fastloop_http._h1.refusal cimport Limits
from fastloop_http._h1.request cimport Request
from fastloop_http._h1.response cimport Encoder
from fastloop_http._h1.routes cimport RouteTable


@cython.final
cdef class Service:
    cdef LoopCore loop
    cdef RouteTable exact
    cdef object dispatch        # dispatch(request): whatever is not in exact
    cdef object context         # handlers run in copies of it
    cdef Limits limits
    cdef int64_t max_body_bytes
    cdef Encoder encoder        # shared: empty but while one connection is being read or answered
    cdef set connections        # the open ones

    # One idle request and one idle task, for the next message on any connection; None while in use.
    cdef Request spare_request
    cdef RequestTask spare_task

    cdef Request take_request(self)
    cdef int give_request(self, Request request) except -1
    cdef RequestTask take_task(self)


cdef class RequestTask(Task):
    cdef HttpConnection connection  # while the handler is suspended


@cython.final
cdef class HttpConnection(Protocol):
    cdef Service service
    cdef Transport transport

    # The message being read: a head that is not complete, or a complete one whose body is not.
    cdef Request request
    cdef bytearray body         # its body so far; None: the head is not complete
    cdef int64_t body_left      # bytes of it still to come

    # Received, and not parsed yet: the piece of a head, or requests behind one that is being answered.
    cdef bytearray tail

    # The message being answered by a handler that has suspended.
    cdef RequestTask task
    cdef Request answered
    cdef bint head_only
    cdef bint keep_alive
    cdef bint minor

    cdef bint write_paused      # the peer does not read: nothing more is answered till it does
    cdef bint finished          # nothing more is read

    cdef int receive(self, const char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t read_messages(self, const char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t read_body(self, const char* data, Py_ssize_t size) except -1
    cdef int begin_body(self, Request request, const char* data) except -1
    cdef int read_tail(self) except -1
    cdef int handle(self, Request request, const char* data) except -1
    cdef int answer(self, object value, object error, const Head* head, const char* data) except -1
    cdef int refuse(self, int status, str reason, bint head_only) except -1
    cdef int conclude(self) except -1
    cdef int flush(self) except -1
    cdef int resume(self) except -1
    cdef int task_done(self) except -1
    cdef int give_up(self) except -1
