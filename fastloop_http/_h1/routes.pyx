"""The routes that need no matching: from the request line's bytes to the call, without a Python object.

"GET /path" stands in one piece at the start of a request; a hash of it finds what to call.
"""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy


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
cdef class RouteTable:
    """An open-addressing hash table over `exact`: {"METHOD /path": (call, wants_request)}; never changes."""

    def __init__(self, dict exact):
        cdef uint32_t count = 4
        cdef ExactRoute* place
        cdef bytes key
        cdef tuple route
        self.exact = exact.copy()
        self.keys = []
        while count < 2 * len(self.exact) + 1:
            count *= 2
        self.mask = count - 1
        self.places = <ExactRoute*>PyMem_Calloc(count, sizeof(ExactRoute))
        if self.places is NULL:
            raise MemoryError
        for text, route in self.exact.items():
            key = text.encode("latin-1")
            self.keys.append(key)
            place = &self.places[hash_key(key, len(key)) & self.mask]
            while place.key is not NULL:
                place = self.places + ((place - self.places + 1) & self.mask)
            # SAFETY: keys and exact hold these for as long as the table lives.
            place.key = key
            place.key_size = len(key)
            place.call = <PyObject*>route[0]
            place.wants_request = route[1]

    def __dealloc__(self):
        PyMem_Free(self.places)

    cdef const ExactRoute* find(self, const char* key, Py_ssize_t size) noexcept:
        """Return the route of this key, borrowed; NULL where there is none."""
        cdef uint32_t at = hash_key(key, size) & self.mask
        cdef const ExactRoute* place
        while True:
            place = &self.places[at]
            if place.key is NULL:
                return NULL
            if place.key_size == size and memcmp(place.key, key, size) == 0:
                return place
            at = (at + 1) & self.mask
