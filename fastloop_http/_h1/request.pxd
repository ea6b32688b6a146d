cimport cython
from fastloop_http._h1.fields cimport Field
from fastloop_http._h1.head cimport Head
from fastloop_http._h1.incoming cimport Incoming
from fastloop_http._h1.peer cimport Peer


cdef tuple METHODS              # the names of head's Method, in its order; of METHOD_OTHER None


@cython.final
cdef class Request:
    cdef Head head
    cdef char* data             # owned copy of the head: what its spans point into
    cdef Py_ssize_t capacity    # bytes allocated for data
    cdef bytes content          # the whole body, once it is here; b"" where there is none
    cdef Incoming incoming      # the body that did not come with the head; None where it did
    cdef bint gathered          # all of incoming is in content
    cdef Peer peer              # who has sent it, as far as has been asked; None: no handler has it yet
    cdef list on_disconnect_calls   # for a client that goes before it is answered; None: nothing

    cdef int keep(self, const char* data) except -1
    cdef int reset(self) except -1
    cdef Peer sender(self)
    cdef str text(self, Py_ssize_t start, Py_ssize_t size)


@cython.final
cdef class Headers:
    cdef Request request        # owns the bytes

    cdef str name(self, const Field* field)
    cdef str value(self, const Field* field)
    cdef const Field* find(self, const char* name, Py_ssize_t size, Py_ssize_t* position) noexcept
