cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t

from fastloop._sys.socket cimport sockaddr, sockaddr_in6, sockaddr_storage, socklen_t


cdef enum:
    KNOWN_BITS = 6
    KNOWN = 1 << KNOWN_BITS  # addresses remembered: under 4 KiB a socket


cdef struct KnownAddress:
    sockaddr_in6 raw                # or a sockaddr_in
    socklen_t size                  # of raw; 0: there is none
    PyObject* address               # owned reference


@cython.final
cdef class AddressCache:
    cdef KnownAddress[KNOWN] known
    cdef uint8_t[KNOWN] places      # by the identity of an address: where it may be remembered

    cdef object object_of(self, const sockaddr_storage* raw, socklen_t size)
    cdef int keep(
        self, KnownAddress* entry, const sockaddr_storage* raw, socklen_t size, object address
    ) except -1
    cdef const sockaddr* maybe_raw(self, object address, socklen_t* size) noexcept


cdef bint is_known(int family) noexcept
cdef object address_object(const sockaddr_storage* raw, socklen_t size)
cdef socklen_t maybe_pack_address(int family, object address, sockaddr_storage* raw) except? 0
