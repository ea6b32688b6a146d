"""From the bytes of a request line to the call, without a Python object but the captured texts.

Of a route without captures "GET /path" stands in one piece at the start of a request; a hash of it finds what
to call. All paths together are a tree of segments. Knows bytes; what paths mean is the router's.
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


cdef int fill_table(SpanTable* table, list keys, values) except -1:
    """Fill a table of zeros: open addressing, never changed again.

    keys: different bytes, which outlive the table. values: one for each, above 0.
    """
    cdef uint32_t count = 4
    cdef Place* place
    cdef bytes key
    if not keys:
        return 0
    while count < 2 * len(keys) + 1:
        count *= 2
    table.places = <Place*>PyMem_Calloc(count, sizeof(Place))
    if table.places is NULL:
        raise MemoryError
    table.mask = count - 1
    table.bound = 1 + max(map(len, keys))
    for key, value in zip(keys, values, strict=True):
        place = &table.places[hash_key(key, len(key)) & table.mask]
        while place.key is not NULL:
            place = table.places + ((place - table.places + 1) & table.mask)
        # SAFETY: the caller holds the key for as long as the table lives.
        place.key = key
        place.key_size = len(key)
        place.value = value
    return 0


cdef inline Py_ssize_t find_value(const SpanTable* table, const char* key, Py_ssize_t size) noexcept nogil:
    """Return the value of this key; 0 where there is none."""
    cdef uint32_t at
    cdef const Place* place
    if size >= table.bound:
        return 0
    at = hash_key(key, size) & table.mask
    while True:
        place = &table.places[at]
        if place.key is NULL:
            return 0
        if place.key_size == size and memcmp(place.key, key, size) == 0:
            return place.value
        at = (at + 1) & table.mask


@cython.final
cdef class RouteTable:
    """What `exact` says, {"METHOD /path": (call, wants_request, path)}, for spans; never changes."""

    def __cinit__(self, dict exact):
        cdef tuple route
        cdef str path
        self.exact = exact.copy()
        self.keys = [text.encode("latin-1") for text in self.exact]
        fill_table(&self.table, self.keys, range(1, len(self.keys) + 1))
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
        PyMem_Free(self.table.places)
        PyMem_Free(self.routes)

    cdef const ExactRoute* find(self, const char* key, Py_ssize_t size) noexcept:
        """Return the route of this key, borrowed; NULL where there is none."""
        cdef Py_ssize_t place = find_value(&self.table, key, size)
        return &self.routes[place - 1] if place else NULL


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

    def __init__(self, dict calls, str allow, str path):
        self.calls = calls
        self.allow = allow
        self.path = path


cdef int fill_affixes(Affixes* affixes, list keys, values) except -1:
    """Fill affixes of zeros, as `fill_table` does."""
    cdef list sizes = sorted({len(key) for key in keys}, reverse=True)
    fill_table(&affixes.table, keys, values)
    affixes.sizes = <Py_ssize_t*>PyMem_Calloc(max(len(sizes), 1), sizeof(Py_ssize_t))
    if affixes.sizes is NULL:
        raise MemoryError
    for size in sizes:
        affixes.sizes[affixes.count] = size
        affixes.count += 1
    return 0


cdef PyObject* follow(
    const Node* nodes, const Node* node, const char* at, const char* end, Span* captures, Py_ssize_t captured
) noexcept nogil:
    """Return the Endpoint below node for the segments from at on, borrowed; NULL for none.

    at: NULL where there are no more segments. captured: how many captures lie before.

    Visits a node once at most, whatever the path: a node has one parent, its depth is the number of the
    segment, and what is captured of a segment is what its prefix and suffix leave. So backtracking costs no
    more than the tree has nodes, and goes no deeper than the longest path registered.
    """
    cdef const char* stop
    cdef const char* rest
    cdef Py_ssize_t size, next_node
    cdef PyObject* found
    while at is not NULL:
        stop = <const char*>memchr(at, c"/", end - at)
        if stop is NULL:
            rest = NULL
            stop = end
        else:
            rest = stop + 1
        size = stop - at
        next_node = find_value(&node.names, at, size)
        if next_node:
            if node.capture == 0 and node.prefixes.count == 0 and node.rest is NULL:
                node = &nodes[next_node]
                at = rest
                continue
            found = follow(nodes, &nodes[next_node], rest, end, captures, captured)
            if found is not NULL:
                return found
        if size and node.prefixes.count:
            found = follow_affixed(nodes, node, at, size, rest, end, captures, captured)
            if found is not NULL:
                return found
        # SAFETY: here and below, no path of the tree has more captures than there is room for.
        if size and node.capture:
            captures[captured].start = at
            captures[captured].size = size
            if node.rest is NULL:
                node = &nodes[node.capture]
                captured += 1
                at = rest
                continue
            found = follow(nodes, &nodes[node.capture], rest, end, captures, captured + 1)
            if found is not NULL:
                return found
        if node.rest is NULL or at == end:
            return NULL
        captures[captured].start = at
        captures[captured].size = end - at
        return node.rest
    return node.endpoint


cdef PyObject* follow_affixed(
    const Node* nodes, const Node* node, const char* at, Py_ssize_t size, const char* rest, const char* end,
    Span* captures, Py_ssize_t captured,
) noexcept nogil:
    """Return the Endpoint behind a segment of which node captures a part, or NULL; otherwise as `follow`.

    Of those that fit, the longest prefix goes first, then the longest suffix.
    """
    cdef const Affixes* suffixes
    cdef Py_ssize_t i, j, before, behind, place, next_node
    cdef PyObject* found
    for i in range(node.prefixes.count):
        before = node.prefixes.sizes[i]
        place = find_value(&node.prefixes.table, at, before) if before < size else 0
        if place == 0:
            continue
        suffixes = &node.suffixes[place - 1]
        for j in range(suffixes.count):
            behind = suffixes.sizes[j]
            if before + behind >= size:
                continue
            next_node = find_value(&suffixes.table, at + size - behind, behind)
            if next_node:
                captures[captured].start = at + before
                captures[captured].size = size - before - behind
                found = follow(nodes, &nodes[next_node], rest, end, captures, captured + 1)
                if found is not NULL:
                    return found
    return NULL


cdef object END = object()      # in the place of a segment: the path ends here


@cython.final
cdef class PathTree:
    """The paths with what answers them, segment by segment; never changes.

    paths: (segments, endpoint) of each, no two of the same segments. A segment is a str, matched as it is;
    the (prefix, suffix) around a capture; or None, as the last, for a capture of all that follows. A capture
    has at least a byte. Where paths part, a str goes before captures, of these the longest prefix goes first,
    then the longest suffix, and None comes last; the next is tried where nothing fits behind.
    Segments are compared as they are in a request, percent-encoded, and decoded as latin-1.
    """

    def __cinit__(self, paths):
        cdef Endpoint endpoint
        # Of each node what follows it: the number of the node behind a segment.
        cdef list places = [{}]
        cdef dict following
        self.endpoints = []
        self.keys = []
        for segments, endpoint in paths:
            endpoint.captures = len([segment for segment in segments if not isinstance(segment, str)])
            if endpoint.captures > MAX_CAPTURES:
                raise ValueError(f"a path has {endpoint.captures} captures, limit {MAX_CAPTURES}")
            if None in segments[:len(segments) - 1]:
                raise ValueError(f"path {endpoint.path} goes on behind the capture of all that follows")
            for call in endpoint.calls.values():
                if max((<Call?>call).captures, default=-1) >= endpoint.captures:
                    raise ValueError(f"a call takes captures {call.captures} of {endpoint.captures}")
            following = places[0]
            for segment in segments:
                if segment not in following:
                    following[segment] = len(places)
                    places.append({})
                following = places[following[segment]]
            if END in following:
                raise ValueError(f"path {endpoint.path} matches what {following[END].path} does")
            following[END] = endpoint
            self.endpoints.append(endpoint)
        self.nodes = <Node*>PyMem_Calloc(len(places), sizeof(Node))
        if self.nodes is NULL:
            raise MemoryError
        self.count = len(places)
        for number, following in enumerate(places):
            self.fill_node(&self.nodes[number], following, places)

    def __dealloc__(self):
        cdef Py_ssize_t i, j
        cdef Node* node
        for i in range(self.count):
            node = &self.nodes[i]
            for j in range(node.prefix_count):
                PyMem_Free(node.suffixes[j].table.places)
                PyMem_Free(node.suffixes[j].sizes)
            PyMem_Free(node.suffixes)
            PyMem_Free(node.prefixes.table.places)
            PyMem_Free(node.prefixes.sizes)
            PyMem_Free(node.names.places)
        PyMem_Free(self.nodes)

    cdef int fill_node(self, Node* node, dict following, list places) except -1:
        """Fill a node of zeros."""
        cdef dict names = {}
        cdef dict affixes = {}
        # SAFETY: endpoints and keys hold what a node borrows for as long as the tree lives.
        for segment, behind in following.items():
            if segment is END:
                node.endpoint = <PyObject*>behind
            elif segment is None:
                node.rest = <PyObject*>places[behind][END]
            elif isinstance(segment, str):
                names[segment] = behind
            elif segment == ("", ""):
                node.capture = behind
            else:
                prefix, suffix = segment
                affixes.setdefault(prefix, {})[suffix] = behind
        fill_table(&node.names, self.owned(names), names.values())
        if not affixes:
            return 0
        node.suffixes = <Affixes*>PyMem_Calloc(len(affixes), sizeof(Affixes))
        if node.suffixes is NULL:
            raise MemoryError
        for suffixes in affixes.values():
            fill_affixes(&node.suffixes[node.prefix_count], self.owned(suffixes), suffixes.values())
            node.prefix_count += 1
        return fill_affixes(&node.prefixes, self.owned(affixes), range(1, len(affixes) + 1))

    cdef list owned(self, dict values):
        """Return the keys as bytes, which live as long as the tree."""
        cdef list keys = [text.encode("latin-1") for text in values]
        self.keys += keys
        return keys

    cdef Endpoint maybe_find(self, const char* path, Py_ssize_t size, Span* captures):
        cdef PyObject* found
        if size == 0 or path[0] != c"/":
            return None
        found = follow(self.nodes, self.nodes, path + 1, path + size, captures, 0)
        # SAFETY: the tree holds it, and the cast takes a reference.
        return None if found is NULL else <Endpoint>found

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
