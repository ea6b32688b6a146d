cimport cython

from fastloop_http._h1.answering cimport Answering
from fastloop_http._h1.incoming cimport Incoming
from fastloop_http._h1.request cimport Request
from fastloop_http._h1.request_task cimport RequestTask


@cython.final
cdef class HttpConnection(Answering):
    cdef bint awaits_body       # the body being received is let in

    cdef int receive(self, const char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t read_messages(self, const char* data, Py_ssize_t size) except -1
    cdef int begin_body(self, Request request, const char* data) except -1
    cdef Py_ssize_t read_body(self, const char* data, Py_ssize_t size) except -1
    cdef int body_wanted(self) except -1
    cdef int read_tail(self) except -1
    cdef int drop(self, Py_ssize_t size) except -1
    cdef int handle(self, Request request, const char* data) except -1
    cdef int resume(self) except -1
    cdef int lose_client(self) except -1
