"""What a peer's bytes may measure, and why they are refused: status, section, offset, limit.

The parsers fill in a Refusal and go no further. Here it gets its words: a message for the log, an exception
for who parses from Python. Knows neither heads nor bodies.

SAFETY: the nogil code writes to the struct it is given and touches no Python object; casts change the sign of
counts that fit.
"""

from libc.stdint cimport int64_t, uint16_t


cdef enum:
    LF = 10
    CR = 13
    SP = 32


cdef void limits_init(Limits* limits) noexcept nogil:
    limits.head_bytes = 65536
    limits.field_count = 100
    limits.field_bytes = 16384
    limits.target_bytes = 16384
    limits.chunk_ext_bytes = 16384
    limits.trailer_bytes = 16384
    limits.body_bytes = 2 * 1024 * 1024


cdef int refuse(Refusal* refusal, int64_t offset, uint16_t status, const char* reason,
                const char* section) noexcept nogil:
    refusal.status = status
    refusal.offset = offset
    refusal.reason = reason
    refusal.section = section
    return -1


cdef int refuse_size(Refusal* refusal, int64_t offset, Limit limit, int64_t measured) noexcept nogil:
    refusal.limit = limit
    refusal.measured = measured
    if limit == LIMIT_TARGET:
        return refuse(refusal, offset, 414, b"request target too long", b"RFC 9112 section 3")
    if limit == LIMIT_FIELD:
        return refuse(refusal, offset, 431, b"header field too large", b"RFC 6585 section 5")
    if limit == LIMIT_COUNT:
        return refuse(refusal, offset, 431, b"too many header fields", b"RFC 6585 section 5")
    if limit == LIMIT_TRAILERS:
        return refuse(refusal, offset, 431, b"trailer section too large", b"RFC 6585 section 5")
    if limit == LIMIT_CHUNK_EXT:
        return refuse(refusal, offset, 413, b"chunk extensions too large", b"RFC 9112 section 7.1.1")
    if limit == LIMIT_BODY:
        return refuse(refusal, offset, 413, b"body too large", b"RFC 9110 section 15.5.14")
    return refuse(refusal, offset, 431, b"request head too large", b"RFC 6585 section 5")


cdef str refusal_message(const Refusal* refusal, const char* data, Py_ssize_t size, int64_t base,
                         const Limits* limits):
    # What began in bytes given before is shown and counted from the first of these.
    cdef Py_ssize_t at = <Py_ssize_t>max(refusal.offset - base, 0)
    cdef Py_ssize_t first = at
    cdef str reason = refusal.reason.decode("ascii")
    if refusal.limit == LIMIT_HEAD:
        return f"{reason}: more than {limits.head_bytes} bytes; raise max_head_bytes"
    if refusal.limit == LIMIT_COUNT:
        return f"{reason}: more than {limits.field_count}; raise max_fields"
    if refusal.limit == LIMIT_CHUNK_EXT:
        return f"{reason}: more than {limits.chunk_ext_bytes} bytes; raise max_chunk_ext_bytes"
    if refusal.limit == LIMIT_TRAILERS:
        return f"{reason}: more than {limits.trailer_bytes} bytes; raise max_trailer_bytes"
    if refusal.limit == LIMIT_BODY:
        return f"{reason}: {refusal.measured} bytes, limit {limits.body_bytes}; raise max_body_bytes"
    if refusal.limit == LIMIT_FIELD or refusal.limit == LIMIT_TARGET:
        # As far as it has arrived: what follows may change the number and not the verdict.
        first = <Py_ssize_t>(refusal.measured - base)
        while at < size and data[at] != CR and (data[at] != SP or refusal.limit == LIMIT_FIELD):
            at += 1
        if refusal.limit == LIMIT_FIELD:
            return f"{reason}: {at - first} bytes, limit {limits.field_bytes}; raise max_field_bytes"
        return f"{reason}: {at - first} bytes, limit {limits.target_bytes}; raise max_target_bytes"
    # The line around the byte, 40 bytes of it before.
    while first > 0 and at - first < 40 and data[first - 1] != LF:
        first -= 1
    # SAFETY: within the bytes lent for this call; copied.
    excerpt = data[first:at] + data[at:min(size, first + 80)].partition(b"\r\n")[0]
    quoted = f": {excerpt!r}" if excerpt else ""
    return f"{reason}{quoted} at byte {refusal.offset} ({refusal.section.decode('ascii')})"


cdef str shown(const char* data, Py_ssize_t size):
    # SAFETY: within the bytes lent for this call; copied.
    return repr(data[:min(size, 80)])[1:]


class ParseError(ValueError):
    """Bytes of a peer, refused.

    status (int) is the answer they deserve, reason (str) why, section (str) where that is written, and offset
    (int) the byte it is about, counted from the first of the head or of the body.
    """

    def __init__(self, message, status, reason, section, offset):
        super().__init__(message)
        self.status, self.reason, self.section, self.offset = status, reason, section, offset


class HeadError(ParseError):
    """A refused request head."""


class BodyError(ParseError):
    """A refused request body: its size, its framing or its trailers."""
