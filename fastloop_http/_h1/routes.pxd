cimport cython
from libc.stdint cimport uint32_t

from cpython.object cimport PyObject


cdef enum:
    # Captures of one path: as many arguments are made room for on the stack.
    MAX_CAPTURES = 16


cdef struct Place:
    const char* key             # NULL: a free place. Borrowed from SpanTable.keys
    Py_ssize_t key_size
    Py_ssize_t index            # of key among the keys


@cython.final
cdef class SpanTable:
    cdef list keys              # owns the bytes
    cdef Place* places
    cdef uint32_t mask          # places - 1; places is a power of two, at least half of them free

    # The index of this key; -1 where there is none.
    cdef Py_ssize_t find(self, const char* key, Py_ssize_t size) noexcept


cdef struct ExactRoute:
    PyObject* call              # borrowed from RouteTable.exact
    bint wants_request
    PyObject* path              # a str, borrowed as well


@cython.final
cdef class RouteTable:
    cdef dict exact             # as given: owns the calls
    cdef SpanTable table        # of "METHOD /path"
    cdef ExactRoute* routes

    cdef const ExactRoute* find(self, const char* key, Py_ssize_t size) noexcept


@cython.final
cdef class Call:
    cdef readonly object call
    cdef readonly bint wants_request
    cdef readonly tuple captures
    cdef int order[MAX_CAPTURES]    # of captures
    cdef Py_ssize_t count           # of captures


@cython.final
cdef class Endpoint:
    cdef readonly dict calls    # method: Call
    cdef readonly str allow     # the methods, for Allow
    cdef readonly str path      # as registered
    cdef Py_ssize_t captures    # of the path


@cython.final
cdef class Node:
    cdef SpanTable names        # of the segments that may follow as they are
    cdef list children          # a Node for each
    cdef Node capture           # any other segment follows; None: none may
    cdef Endpoint endpoint      # the path may end here; None: it may not


cdef struct Span:
    const char* start
    Py_ssize_t size


@cython.final
cdef class PathTree:
    cdef Node root

    # What answers a path, and where its captures stand in it; None where nothing does. At most MAX_CAPTURES.
    cdef Endpoint maybe_find(self, const char* path, Py_ssize_t size, Span* captures)


# Fill texts with the captures that call takes, new references, where none of them needs decoding; else return
# False.
cdef bint take_texts(Call call, const Span* captures, PyObject** texts) except -1
