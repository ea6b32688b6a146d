"""parse_url: a request target, or an absolute URL, into its components (RFC 3986).

Knows bytes; decodes and normalises nothing. Strict in the structure and in the authority. In path, query and
fragment it takes what the request parser takes in a target, every visible byte: browsers send "|", "[" and
stray "%" unescaped, and a server that parses its targets here must not refuse what it has already accepted.

SAFETY: every pointer stays within [data, end), which the buffer's owner lends until parse_url returns; casts
change the sign of bytes. What is kept is copied into bytes objects.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcmp

from fastloop_http._h1.verdict cimport is_authority

from fastloop_http._h1.errors import HttpParserInvalidURLError


cdef extern from "scan.h" nogil:
    enum:
        BYTE_DIGIT, BYTE_HOST, BYTE_HEX
    bint byte_is(uint8_t byte, int class_bit)
    const uint8_t* scan_scalar(const uint8_t* p, const uint8_t* end, int class_bit)
    const uint8_t* scan_target(const uint8_t* low, const uint8_t* p, const uint8_t* end)


@cython.final
cdef class URL:
    """The components of a URL, as they were sent; None for one that is missing or empty.

    schema, userinfo, host, path, query and fragment are bytes, port is an int. An IPv6 host is without its
    brackets.
    """

    cdef readonly bytes schema
    cdef readonly bytes userinfo
    cdef readonly bytes host
    cdef readonly object port
    cdef readonly bytes path
    cdef readonly bytes query
    cdef readonly bytes fragment

    def __init__(self):
        raise TypeError("a URL is made by parse_url")

    def __repr__(self):
        return (f"<URL schema: {self.schema!r}, host: {self.host!r}, port: {self.port!r}, "
                f"path: {self.path!r}, query: {self.query!r}, fragment: {self.fragment!r}, "
                f"userinfo: {self.userinfo!r}>")


def parse_url(url):
    """Split a URL: "/path?query", "*", or "scheme://authority" with what may follow it.

    url: any bytes-like object. Raises HttpParserInvalidURLError for what is none of the three (RFC 3986).
    """
    cdef Py_buffer view
    if PyBytes_CheckExact(url):
        return split(url, PyBytes_AS_STRING(url), PyBytes_GET_SIZE(url))
    PyObject_GetBuffer(url, &view, PyBUF_SIMPLE)
    try:
        return split(url, <const char*>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef URL split(object whole, const char* data, Py_ssize_t size):
    cdef URL url = URL.__new__(URL)
    cdef const uint8_t* start = <const uint8_t*>data
    cdef const uint8_t* end = start + size
    cdef const uint8_t* p = start
    cdef const uint8_t* mark
    if size == 1 and p[0] == c"*":
        url.path = b"*"
        return url
    if size == 0 or p[0] != c"/":
        p = split_authority(url, whole, start, end)
    mark = p
    p = scan_target(start, p, end)
    url.path = component(mark, p)
    if p < end and p[0] == c"?":
        mark = p + 1
        p = scan_rest(start, mark, end)
        url.query = component(mark, p)
    if p < end and p[0] == c"#":
        mark = p + 1
        p = scan_rest(start, mark, end)
        url.fragment = component(mark, p)
    if p < end:
        raise invalid(whole, p - start, "invalid byte", "3.3")
    return url


cdef const uint8_t* split_authority(URL url, object whole, const uint8_t* start,
                                    const uint8_t* end) except NULL:
    """Take "scheme://authority"; return where it ends."""
    cdef const uint8_t* p = start
    cdef const uint8_t* host
    cdef const uint8_t* colon
    while p < end and is_scheme_byte(p[0]):
        p += 1
    if end - p < 3 or memcmp(p, b"://", 3) != 0:
        raise invalid(whole, 0, "neither a path from / nor scheme://host", "4.1")
    if p == start or not c"a" <= start[0] | 0x20 <= c"z":
        raise invalid(whole, 0, "invalid scheme", "3.1")
    url.schema = component(start, p)
    host = p + 3
    p = host
    while p < end and p[0] != c"/" and p[0] != c"?" and p[0] != c"#":
        p += 1
    end = p
    colon = <const uint8_t*>memchr(host, c"@", end - host)
    if colon is not NULL:
        if not is_userinfo(host, colon):
            raise invalid(whole, host - start, "invalid userinfo", "3.2.1")
        url.userinfo = component(host, colon)
        host = colon + 1
    if not is_authority(host, end, False):
        raise invalid(whole, host - start, "invalid host or port", "3.2.2")
    if host[0] == c"[":
        colon = <const uint8_t*>memchr(host, c"]", end - host)
        url.host = component(host + 1, colon)
        colon += 1
    else:
        colon = <const uint8_t*>memchr(host, c":", end - host)
        if colon is NULL:
            colon = end
        url.host = component(host, colon)
    if end - colon > 1:
        url.port = number(colon + 1, end)
    return end


cdef inline int number(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """Read the digits of a port, known to be at most 65535."""
    cdef int value = 0
    while p < end:
        value = 10 * value + p[0] - c"0"
        p += 1
    return value


cdef inline bytes component(const uint8_t* start, const uint8_t* end):
    if start == end:
        return None
    return PyBytes_FromStringAndSize(<const char*>start, end - start)


cdef inline const uint8_t* scan_rest(const uint8_t* start, const uint8_t* p,
                                     const uint8_t* end) noexcept nogil:
    """Find the end of a query or a fragment, in which "?" is a byte like any other."""
    p = scan_target(start, p, end)
    while p < end and p[0] == c"?":
        p = scan_target(start, p + 1, end)
    return p


cdef inline bint is_scheme_byte(uint8_t byte) noexcept nogil:
    return c"a" <= byte | 0x20 <= c"z" or byte_is(byte, BYTE_DIGIT) or byte == c"+" or byte == c"-" \
        or byte == c"."


cdef bint is_userinfo(const uint8_t* p, const uint8_t* end) noexcept nogil:
    while True:
        p = scan_scalar(p, end, BYTE_HOST)
        if p == end:
            return True
        if p[0] == c":":
            p += 1
        elif p[0] == c"%" and end - p > 2 and byte_is(p[1], BYTE_HEX) and byte_is(p[2], BYTE_HEX):
            p += 3
        else:
            return False


cdef object invalid(object whole, Py_ssize_t offset, str reason, str section):
    shown = bytes(memoryview(whole).cast("B")[:80])
    return HttpParserInvalidURLError(
        f"invalid URL: {reason} at byte {offset} of {shown!r} (RFC 3986 section {section})",
        400, reason, f"RFC 3986 section {section}", offset)
