"""Addresses of IPv4, IPv6 and Unix: between struct sockaddr and the form the socket module gives them in.

Knows literals only: names are for whoever can wait for an answer.
"""

import os

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_FromString
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uintptr_t
from libc.string cimport memcmp, memcpy, memset, strlen

from fastloop._sys.socket cimport (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    INET6_ADDRSTRLEN,
    htonl,
    htons,
    inet_ntop,
    inet_pton,
    ntohl,
    ntohs,
    sockaddr_in,
    sockaddr_in6,
)


cdef bint is_known(int family) noexcept:
    """Say whether address_object() reads addresses of family."""
    return family == AF_INET or family == AF_INET6 or family == AF_UNIX


cdef object address_object(const sockaddr_storage* raw, socklen_t size):
    """Return an address of IPv4, IPv6 or Unix in the form the socket module gives it in."""
    cdef char text[INET6_ADDRSTRLEN]
    cdef const char* path
    cdef const sockaddr_in* ip4
    cdef const sockaddr_in6* ip6
    cdef Py_ssize_t path_size
    if size == 0:
        return None  # the sender has no address
    # SAFETY: the family says which of the forms it is, and the kernel has filled in `size` bytes of it.
    if raw.ss_family == AF_INET:
        ip4 = <const sockaddr_in*>raw
        inet_ntop(AF_INET, &ip4.sin_addr, text, sizeof(text))
        return PyUnicode_FromString(text), ntohs(ip4.sin_port)
    if raw.ss_family == AF_INET6:
        ip6 = <const sockaddr_in6*>raw
        inet_ntop(AF_INET6, &ip6.sin6_addr, text, sizeof(text))
        return (
            PyUnicode_FromString(text), ntohs(ip6.sin6_port), ntohl(ip6.sin6_flowinfo), ip6.sin6_scope_id
        )
    path = <const char*>raw + sizeof(raw.ss_family)
    path_size = <Py_ssize_t>size - <Py_ssize_t>sizeof(raw.ss_family)
    name = PyBytes_FromStringAndSize(path, max(path_size, 0))
    # One that begins with NUL is abstract, and no str.
    return name if name.startswith(b"\0") else os.fsdecode(name.partition(b"\0")[0])


cdef bint is_number(object number, object limit) except -1:
    return type(number) is int and 0 <= number < limit


cdef socklen_t maybe_pack_address(int family, object address, sockaddr_storage* raw) except? 0:
    """Write an IP address literal with its port to raw; return its size.

    0: it is of another kind, or wrong; the socket object knows what to make of it.
    """
    cdef const char* text
    cdef Py_ssize_t text_size
    cdef sockaddr_in* ip4
    cdef sockaddr_in6* ip6
    if type(address) is not tuple or not 2 <= len(address) <= (2 if family == AF_INET else 4):
        return 0
    if type(address[0]) is not str or not is_number(address[1], 1 << 16):
        return 0
    try:
        # SAFETY: the str keeps its UTF-8 form; the tuple of the caller's keeps the str.
        text = PyUnicode_AsUTF8AndSize(address[0], &text_size)
    except UnicodeEncodeError:
        return 0
    if strlen(text) != <size_t>text_size:
        return 0
    # SAFETY: raw is larger than either form.
    if family == AF_INET:
        ip4 = <sockaddr_in*>raw
        memset(ip4, 0, sizeof(sockaddr_in))
        if inet_pton(AF_INET, text, &ip4.sin_addr) != 1:
            return 0
        ip4.sin_family = AF_INET
        ip4.sin_port = htons(<uint16_t>address[1])
        return sizeof(sockaddr_in)
    if family == AF_INET6:
        ip6 = <sockaddr_in6*>raw
        memset(ip6, 0, sizeof(sockaddr_in6))
        if inet_pton(AF_INET6, text, &ip6.sin6_addr) != 1:
            return 0
        ip6.sin6_family = AF_INET6
        ip6.sin6_port = htons(<uint16_t>address[1])
        if len(address) > 2:
            if not is_number(address[2], 1 << 20):
                return 0
            ip6.sin6_flowinfo = htonl(<uint32_t>address[2])
        if len(address) > 3:
            if not is_number(address[3], 1 << 32):
                return 0
            ip6.sin6_scope_id = <uint32_t>address[3]
        return sizeof(sockaddr_in6)
    return 0


@cython.final
cdef class AddressCache:
    """Addresses heard from, as objects; and from such an object back to the bytes, to answer."""

    def __dealloc__(self):
        cdef int i
        for i in range(KNOWN):
            # SAFETY: the reference keep() took, where it has taken one.
            Py_XDECREF(self.known[i].address)

    cdef object object_of(self, const sockaddr_storage* raw, socklen_t size):
        """Return raw as `address_object` does: the same object again, while it is remembered."""
        cdef KnownAddress* entry
        cdef uint32_t place
        if not <socklen_t>sizeof(sockaddr_in) <= size <= <socklen_t>sizeof(sockaddr_in6):
            return address_object(raw, size)  # of a Unix socket, most likely
        place = place_of(raw, size)
        entry = &self.known[place]
        if entry.size != size or memcmp(&entry.raw, raw, size) != 0:
            self.keep(entry, raw, size, address_object(raw, size))
            self.places[place_of_object(entry.address)] = place
        # SAFETY: the entry holds it; the cast takes a reference of the caller's.
        return <object>entry.address

    cdef int keep(
        self, KnownAddress* entry, const sockaddr_storage* raw, socklen_t size, object address
    ) except -1:
        memcpy(&entry.raw, raw, size)
        entry.size = size
        Py_XDECREF(entry.address)
        # SAFETY: the entry owns this reference until it is replaced.
        Py_INCREF(address)
        entry.address = <PyObject*>address
        return 0

    cdef const sockaddr* maybe_raw(self, object address, socklen_t* size) noexcept:
        """Return the bytes of what object_of() has given out, borrowed until its next call; or NULL."""
        # SAFETY: compared, not followed: an object that is remembered is alive, so no other is in its place.
        cdef KnownAddress* entry = &self.known[self.places[place_of_object(<PyObject*>address)]]
        if entry.address != <PyObject*>address:
            return NULL
        size[0] = entry.size
        return <const sockaddr*>&entry.raw


cdef uint32_t place_of(const sockaddr_storage* raw, socklen_t size) noexcept:
    """Return where raw is remembered: by the port and the last of the address, which differ most."""
    # SAFETY: object_of() has seen to it that size is at least that of a sockaddr_in, 16 bytes.
    cdef const uint8_t* octets = <const uint8_t*>raw
    cdef uint32_t mixed = (octets[2] << 8 | octets[3]) * 31 + octets[7] * 7 + octets[size - 5]
    return (mixed * 2654435761U) >> (32 - KNOWN_BITS)


cdef uint32_t place_of_object(PyObject* address) noexcept:
    return (<uintptr_t>address >> 4) & (KNOWN - 1)


def maybe_literal(str host, int port):
    """Return (family, address in the socket module's form) of an IPv4 or IPv6 literal; None of a name.

    An IPv6 zone ("fe80::1%eth0") takes more than its text to resolve, and gives None. port: 0 to 65535.
    """
    cdef sockaddr_storage raw
    cdef int family
    cdef socklen_t size
    for family in (AF_INET, AF_INET6):
        size = maybe_pack_address(family, (host, port), &raw)
        if size:
            return family, address_object(&raw, size)
    return None
