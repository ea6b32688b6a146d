"""From the bytes of a request line to the call, without a Python object but the captured texts.

Of a route without captures "GET /path" stands in one piece at the start of a request; a hash of it finds what
to call. The others are a tree of segments. Knows bytes; what paths mean is the router's.
"""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.unicode cimport PyUnicode_DecodeLatin1
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp, memcpy


cdef inline uint64_t hash_key(const char* key, Py_ssize_t size) noexcept nogil:
    """Mix eight bytes at a time. Only our own routes are in the table, so nobody can choose collisions."""
    cdef uint64_t mixed = <uint64_t>size
    cdef uint64_t word
    while size >= 8:
        memcpy(&word, key, 8)
        mixed = (mixed ^ word) * 0x9E3779B97F4A7C15ULL
        mixed ^= mixed >> 32
        key += 8
        size -= 8
    if size:
        word = 0
        # SAFETY: exactly the bytes that are left.
        memcpy(&word, key, size)
        mixed = (mixed ^ word) * 0x9E3779B97F4A7C15ULL
        mixed ^= mixed >> 32
    return mixed ^ (mixed >> 29)


@cython.final
cdef class SpanTable:
    """An open-addressing hash table of keys, a list of different bytes; never changes."""

    def __cinit__(self, list keys):
        cdef uint32_t count = 4
        cdef Place* place
        cdef bytes key
        self.keys = keys
        while count < 2 * len(keys) + 1:
            count *= 2
        self.mask = count - 1
        self.places = <Place*>PyMem_Calloc(count, sizeof(Place))
        if self.places is NULL:
            raise MemoryError
        for index, key in enumerate(keys):
            place = &self.places[hash_key(key, len(key)) & self.mask]
            while place.key is not NULL:
                place = self.places + ((place - self.places + 1) & self.mask)
            # SAFETY: keys holds it for as long as the table lives.
            place.key = key
            place.key_size = len(key)
            place.index = index

    def __dealloc__(self):
        PyMem_Free(self.places)

    cdef Py_ssize_t find(self, const char* key, Py_ssize_t size) noexcept:
        cdef uint32_t at = hash_key(key, size) & self.mask
        cdef const Place* place
        while True:
            place = &self.places[at]
            if place.key is NULL:
                return -1
            if place.key_size == size and memcmp(place.key, key, size) == 0:
                return place.index
            at = (at + 1) & self.mask


@cython.final
cdef class RouteTable:
    """What `exact` says, {"METHOD /path": (call, wants_request, path)}, for spans; never changes."""

    def __init__(self, dict exact):
        cdef tuple route
        cdef str path
        self.exact = exact.copy()
        self.table = SpanTable([text.encode("latin-1") for text in self.exact])
        self.routes = <ExactRoute*>PyMem_Calloc(max(len(self.exact), 1), sizeof(ExactRoute))
        if self.routes is NULL:
            raise MemoryError
        for index, route in enumerate(self.exact.values()):
            call, wants_request, path = route
            # SAFETY: exact holds both for as long as the table lives.
            self.routes[index].call = <PyObject*>call
            self.routes[index].wants_request = wants_request
            self.routes[index].path = <PyObject*>path

    def __dealloc__(self):
        PyMem_Free(self.routes)

    cdef const ExactRoute* find(self, const char* key, Py_ssize_t size) noexcept:
        """Return the route of this key, borrowed; NULL where there is none."""
        cdef Py_ssize_t index = self.table.find(key, size)
        return NULL if index < 0 else &self.routes[index]


@cython.final
cdef class Call:
    """How a handler is called: call(), or call(request) if it wants that, with the texts of captures behind.

    captures: places of captures in the path, counted from 0, in the order in which the call takes them.
    """

    def __init__(self, call, bint wants_request, tuple captures):
        self.call = call
        self.wants_request = wants_request
        self.captures = captures
        self.count = len(captures)
        if self.count > MAX_CAPTURES or min(captures, default=0) < 0:
            raise ValueError(
                f"a call takes {MAX_CAPTURES} captures at most, counted from 0, not {captures}"
            )
        for i in range(self.count):
            self.order[i] = captures[i]


@cython.final
cdef class Endpoint:
    """What answers at one path: {method: Call}, the methods as Allow lists them, the path as registered."""

    def __init__(self, dict calls, str allow, str path=""):
        self.calls = calls
        self.allow = allow
        self.path = path


@cython.final
cdef class Node:
    """One place in a PathTree."""


cdef Node make_node(list paths, Py_ssize_t depth):
    """Return the node behind the first depth segments, which all of paths share."""
    cdef Node node = Node.__new__(Node)
    cdef dict following = {}
    for segments, endpoint in paths:
        if len(segments) == depth:
            node.endpoint = endpoint
        else:
            following.setdefault(segments[depth], []).append((segments, endpoint))
    captured = following.pop(None, None)
    if captured is not None:
        node.capture = make_node(captured, depth + 1)
    node.names = SpanTable([segment.encode("latin-1") for segment in following])
    node.children = [make_node(behind, depth + 1) for behind in following.values()]
    return node


cdef Endpoint maybe_follow(Node node, const char* at, const char* end, Span* captures, Py_ssize_t captured):
    """Return the endpoint below node for the segments from at on; at is NULL where there are none.

    Visits a node at most once, as its depth is the segment's number: backtracking costs no more than the
    tree's size.
    """
    cdef const char* stop
    cdef const char* rest
    cdef Py_ssize_t index
    cdef Endpoint endpoint
    while at is not NULL:
        stop = <const char*>memchr(at, c"/", end - at)
        rest = NULL if stop is NULL else stop + 1
        if stop is NULL:
            stop = end
        index = node.names.find(at, stop - at)
        if node.capture is None or stop == at:
            if index < 0:
                return None
            node = <Node>node.children[index]
        else:
            if index >= 0:
                endpoint = maybe_follow(<Node>node.children[index], rest, end, captures, captured)
                if endpoint is not None:
                    return endpoint
            # SAFETY: a path of the tree has no more captures than there is room for.
            captures[captured].start = at
            captures[captured].size = stop - at
            captured += 1
            node = node.capture
        at = rest
    return node.endpoint


@cython.final
cdef class PathTree:
    """The paths with what answers them, segment by segment; never changes.

    paths: (segments, endpoint) of each, where None stands for a segment that is captured, if it is not empty.
    Static segments go before captures, wherever the two part. Segments are compared as they are in a request,
    percent-encoded, and decoded as latin-1.
    """

    def __init__(self, paths):
        cdef Endpoint endpoint
        cdef list known = list(paths)
        for segments, endpoint in known:
            endpoint.captures = segments.count(None)
            if endpoint.captures > MAX_CAPTURES:
                raise ValueError(f"a path has {endpoint.captures} captures, limit {MAX_CAPTURES}")
            for call in endpoint.calls.values():
                if max((<Call?>call).captures, default=-1) >= endpoint.captures:
                    raise ValueError(f"a call takes captures {call.captures} of {endpoint.captures}")
        self.root = make_node(known, 0)

    cdef Endpoint maybe_find(self, const char* path, Py_ssize_t size, Span* captures):
        if size == 0 or path[0] != c"/":
            return None
        return maybe_follow(self.root, path + 1, path + size, captures, 0)

    def match(self, str path):
        """Return (endpoint, captured segments as they are) for the path of a request; None for no match."""
        cdef bytes encoded = path.encode("latin-1")
        cdef Span captures[MAX_CAPTURES]
        cdef Py_ssize_t i
        cdef Endpoint endpoint = self.maybe_find(encoded, len(encoded), captures)
        if endpoint is None:
            return None
        # SAFETY: the spans lie within `encoded`.
        return endpoint, [
            PyUnicode_DecodeLatin1(captures[i].start, captures[i].size, NULL)
            for i in range(endpoint.captures)
        ]


cdef bint take_texts(Call call, const Span* captures, PyObject** texts) except -1:
    cdef const Span* capture
    cdef Py_ssize_t i, j
    for i in range(call.count):
        capture = &captures[call.order[i]]
        for j in range(capture.size):
            if capture.start[j] == c"%" or <unsigned char>capture.start[j] >= 128:
                return False
    for i in range(call.count):
        capture = &captures[call.order[i]]
        text = PyUnicode_DecodeLatin1(capture.start, capture.size, NULL)
        Py_INCREF(text)
        # SAFETY: the reference counted becomes the caller's.
        texts[i] = <PyObject*>text
    return True
