cimport cython
from cpython.object cimport PyObject, PyTypeObject

from fastloop._core.handle cimport Handle
from fastloop._sys.cpython cimport visitproc


cdef enum:
    # Finished handles of a kind kept for reuse, at most: one for each of as many connections, 2.5 MiB. A pool
    # that never had so many to do with is smaller.
    SPARES = 16 * 1024


cdef class Holder:
    cdef object nothing             # never set: an attribute makes the type one of the collector's

    cdef int visit(self, visitproc visit, void* arg) noexcept
    cdef int clear(self) except -1


cdef int show_collector(type holder) except -1


@cython.final
cdef class Ring(Holder):
    cdef PyObject** slots           # owned references to Handle
    cdef size_t mask                # capacity - 1; capacity is a power of two
    cdef size_t head                # taken so far; both counters only grow
    cdef size_t tail                # put so far

    cdef int push(self, Handle handle) except -1
    cdef Handle pop(self)
    cdef int take(self, Ring other) except -1
    cdef int cancel_all(self) except -1
    cdef int grow(self) except -1


@cython.final
cdef class HandlePool(Holder):
    cdef PyObject** spares          # owned references to blank handles
    cdef Py_ssize_t count
    cdef Py_ssize_t capacity
    cdef PyTypeObject* kind         # of the handles

    cdef Handle take(
        self, object loop, PyObject* callback, PyObject** args, Py_ssize_t nargs, PyObject* context
    )
    cdef int finish(self, Handle handle) except -1
    cdef bint make_room(self) noexcept
