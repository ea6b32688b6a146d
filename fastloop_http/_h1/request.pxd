cimport cython
from fastloop_http._h1.fields cimport Field
from fastloop_http._h1.head cimport Head


@cython.final
cdef class Request:
    cdef Head head
    cdef char* data             # owned copy of the head: what its spans point into
    cdef Py_ssize_t capacity    # bytes allocated for data
    cdef bytes content          # the whole body; b"" where there is none

    cdef int keep(self, const char* data) except -1
    cdef int reset(self) except -1
    cdef str text(self, Py_ssize_t start, Py_ssize_t size)


@cython.final
cdef class Headers:
    cdef Request request        # owns the bytes

    cdef str name(self, const Field* field)
    cdef str value(self, const Field* field)
    cdef const Field* find(self, const char* name, Py_ssize_t size, Py_ssize_t* position) noexcept
