cimport cython
from libc.stdint cimport uint32_t

from cpython.object cimport PyObject


cdef struct ExactRoute:
    const char* key             # "GET /path"; NULL: a free place. Borrowed from RouteTable.keys
    Py_ssize_t key_size
    PyObject* call              # borrowed from RouteTable.exact
    bint wants_request


@cython.final
cdef class RouteTable:
    cdef dict exact             # as given: owns the calls
    cdef list keys              # owns the bytes
    cdef ExactRoute* places
    cdef uint32_t mask          # places - 1; places is a power of two, at least half of them free

    cdef const ExactRoute* find(self, const char* key, Py_ssize_t size) noexcept
