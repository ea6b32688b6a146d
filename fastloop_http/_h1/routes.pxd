cimport cython
from libc.stdint cimport uint32_t

from cpython.object cimport PyObject


cpdef enum:
    # Captures of one path: as many arguments are made room for on the stack.
    MAX_CAPTURES = 16


cdef struct Place:
    const char* key             # NULL: a free place. Borrowed from whoever has the table
    Py_ssize_t key_size
    Py_ssize_t value            # above 0


cdef struct SpanTable:
    Place* places               # NULL: the table is empty
    uint32_t mask               # places - 1; places is a power of two, at least half of them free
    Py_ssize_t bound            # all keys are smaller; 0: the table is empty


cdef struct ExactRoute:
    PyObject* call              # borrowed from RouteTable.exact
    bint wants_request
    PyObject* path              # a str, borrowed as well


@cython.final
cdef class RouteTable:
    cdef dict exact             # as given: owns the calls
    cdef list keys              # owns the bytes of "METHOD /path"
    cdef SpanTable table        # of them: their place in routes, counted from 1
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


cdef struct Affixes:
    SpanTable table             # what stands before captures, or behind them
    Py_ssize_t* sizes           # the different ones that they have, longest first
    Py_ssize_t count            # of sizes


cdef struct Node:
    SpanTable names             # segments that may follow as they are: the node behind each
    Affixes prefixes            # of segments that are captured in part: their place in suffixes, from 1
    Affixes* suffixes           # for each prefix: the node behind each suffix
    Py_ssize_t prefix_count     # of suffixes
    Py_ssize_t capture          # the node behind any other segment; 0: none may follow
    # Borrowed from PathTree.endpoints:
    PyObject* rest              # the Endpoint of whatever follows; NULL: nothing may
    PyObject* endpoint          # the Endpoint, where the path ends here; NULL: it may not


cdef struct Span:
    const char* start
    Py_ssize_t size


@cython.final
cdef class PathTree:
    cdef list endpoints
    cdef list keys              # owns the bytes of the tables
    cdef Node* nodes            # the root first: it is behind no other, so that 0 is none
    cdef Py_ssize_t count       # of nodes

    cdef int fill_node(self, Node* node, dict following, list places) except -1
    cdef list owned(self, dict values)

    # What answers a path, and where its captures stand in it; None where nothing does. At most MAX_CAPTURES.
    cdef Endpoint maybe_find(self, const char* path, Py_ssize_t size, Span* captures)


# Fill texts with the captures that call takes, new references, where none of them needs decoding; else return
# False.
cdef bint take_texts(Call call, const Span* captures, PyObject** texts) except -1
