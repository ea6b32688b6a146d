cimport cython
from libc.stdint cimport int64_t

from fastloop_http._h1.fields cimport Field
from fastloop_http._h1.head cimport Head
from fastloop_http._h1.incoming cimport Incoming
from fastloop_http._h1.peer cimport Peer


cdef tuple METHODS              # the names of head's Method, in its order; of METHOD_OTHER None


@cython.final
cdef class Extras:
    cdef list on_disconnect_calls   # for a client that goes before it is answered
    cdef list after_calls       # (context, call, args), for when it has been answered
    cdef dict extensions
    cdef int64_t most           # bytes of a body that is taken whole, if it is here already; -1: no limit


@cython.final
cdef class Request:
    cdef Head head
    cdef char* data             # owned copy of the head: what its spans point into
    cdef Py_ssize_t capacity    # bytes allocated for data
    cdef bytes content          # the whole body, once it is here; b"" where there is none
    cdef Incoming incoming      # the body that did not come with the head; None where it did
    cdef bint gathered          # all of incoming is in content
    cdef Peer peer              # who has sent it, as far as has been asked; None: no handler has it yet
    cdef bint over              # it has been answered, and somebody has kept it

    # None before a handler has it.
    cdef str matched            # the path of its route, as registered; None: of none
    cdef tuple captured         # what Python code has set: texts of captures
    cdef Extras extras          # what few handlers ask for; None: nothing of it

    cdef int keep(self, const char* data) except -1
    cdef int reset(self) except -1
    cdef Extras asked(self)
    # The first field from position on with this name, given in lower case; NULL without one. position is
    # moved behind the field that was found.
    cdef const Field* find_field(self, const char* name, Py_ssize_t size, Py_ssize_t* position) noexcept
    cdef const Field* content_type_field(self) noexcept
    cpdef bint _is_json(self) noexcept
    cdef int check_size(self) except -1
    cdef Peer sender(self)
    cdef str text(self, Py_ssize_t start, Py_ssize_t size)


@cython.final
cdef class Headers:
    cdef Request request        # owns the bytes

    cdef str name(self, const Field* field)
    cdef str value(self, const Field* field)
