"""The names of common fields, made once. Knows bytes only, and keeps them as they were spelt.

A name that is found costs less than a new object would, and is already hashed where it has been a key.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t
from libc.string cimport memcmp


cdef enum:
    SLOTS = 512     # a power of two, about four times the names: nearly all are found at the first look

# As browsers spell them in HTTP/1.1; each is also known in lower case, as proxies pass it on from HTTP/2.
cdef bytes COMMON = b"""
    Accept Accept-Charset Accept-Encoding Accept-Language Access-Control-Request-Headers
    Access-Control-Request-Method Authorization Cache-Control Connection Content-Disposition Content-Encoding
    Content-Length Content-Type Cookie DNT Date Expect Forwarded From Host If-Match If-Modified-Since
    If-None-Match If-Range If-Unmodified-Since Keep-Alive Max-Forwards Origin Pragma Priority
    Proxy-Authorization Proxy-Connection Range Referer Save-Data Sec-CH-UA Sec-CH-UA-Mobile
    Sec-CH-UA-Platform Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User Sec-GPC
    Sec-WebSocket-Extensions Sec-WebSocket-Key Sec-WebSocket-Protocol Sec-WebSocket-Version TE Trailer
    Transfer-Encoding Upgrade Upgrade-Insecure-Requests User-Agent Via X-Forwarded-For X-Forwarded-Host
    X-Forwarded-Port X-Forwarded-Proto X-Real-IP X-Request-ID X-Requested-With traceparent tracestate
"""

# Filled on import and never changed, so threads may share it. What it points at is owned by OWNED.
cdef PyObject* NAMES[SLOTS]
cdef tuple OWNED = tuple(sorted({*COMMON.split(), *COMMON.lower().split()}))


cdef inline size_t slot_of(const uint8_t* name, size_t size) noexcept nogil:
    return (size * 37 + name[0] * 7 + name[size >> 1] * 53 + name[size - 1] * 101) & (SLOTS - 1)


cdef bytes name_of(const char* name, size_t size):
    # SAFETY: the caller lends size bytes, more than none; the casts change the sign of bytes. What is in
    # NAMES is bytes, and lives as long as the module.
    cdef size_t slot = slot_of(<const uint8_t*>name, size)
    cdef bytes known
    while NAMES[slot] is not NULL:
        known = <bytes>NAMES[slot]
        if (<size_t>PyBytes_GET_SIZE(known) == size
                and memcmp(PyBytes_AS_STRING(known), name, size) == 0):
            return known
        slot = (slot + 1) & (SLOTS - 1)
    return PyBytes_FromStringAndSize(name, size)


cdef int fill() except -1:
    cdef bytes name
    cdef size_t slot
    for name in OWNED:
        slot = slot_of(name, len(name))
        while NAMES[slot] is not NULL:
            slot = (slot + 1) & (SLOTS - 1)
        NAMES[slot] = <PyObject*>name
    return 0


fill()
