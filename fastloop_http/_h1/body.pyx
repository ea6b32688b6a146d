"""Frame request bodies: Content-Length, the chunked coding and its trailers (RFC 9112 sections 6 and 7).

Knows bytes, not sockets. Resumable at any byte, no copy, no Python object. Refuses what smugglers use
wherever RFC 9112 lets a server refuse; keeps no chunk extension, and merges no trailer into the head.

SAFETY: every pointer stays within [start, end), which the caller of body_next lends for that one call; Body
keeps counts and offsets only. Casts change the sign of bytes, or narrow counts that a check before them
bounds. The nogil code calls libc and touches no Python object.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset, strstr

from fastloop_http._h1.fields cimport (
    FIELDS_DONE,
    FIELDS_PARTIAL,
    Field,
    fields_free,
    fields_parse,
    fields_reset,
)
from fastloop_http._h1.refusal cimport (
    LIMIT_BODY,
    LIMIT_CHUNK_EXT,
    LIMIT_COUNT,
    LIMIT_FIELD,
    LIMIT_TRAILERS,
    refuse,
    refuse_size,
)


cdef extern from "scan.h" nogil:
    enum:
        BYTE_TOKEN, BYTE_VALUE, BYTE_HEX
    bint byte_is(uint8_t byte, int class_bit)

cdef extern from *:
    """
    /* For fields_parse: every name of up to FORBIDDEN_BYTES. */
    static const uint32_t SHORT_NAMES[32] = {[1 ... 19] = 0xffffffffu};
    """
    const uint32_t* SHORT_NAMES


cdef enum:
    HTAB = 9
    LF = 10
    CR = 13
    SP = 32

cdef enum:
    # As many as 64 bits have; leading zeros beyond them say nothing, and could go on for ever.
    SIZE_DIGITS = 16
    # The longest name in FORBIDDEN.
    FORBIDDEN_BYTES = 19

cdef enum:              # Body.state: where the next byte belongs
    IN_LENGTH = 0       # content of a Content-Length
    IN_CHUNK
    AFTER_CHUNK         # CR
    AFTER_CHUNK_CR      # LF
    IN_SIZE
    BEFORE_EXT          # the first of the states of a chunk extension
    BEFORE_EXT_NAME
    IN_EXT_NAME
    AFTER_EXT_NAME
    BEFORE_EXT_VALUE
    IN_EXT_TOKEN
    IN_EXT_QUOTED
    IN_EXT_PAIR         # behind a backslash
    AFTER_EXT_QUOTED
    AFTER_SIZE_CR       # LF
    IN_TRAILERS
    DONE
    REFUSED

# Trailers that would change, after the fact, what the head has settled: no sender may send them (RFC 9110
# section 6.5.1). Nothing here merges trailers into the head, but what stands behind us may.
cdef const char* FORBIDDEN = (
    # framing, and what concerns the connection
    b" transfer-encoding content-length trailer te connection keep-alive proxy-connection upgrade"
    # routing
    b" host max-forwards"
    # request modifiers: controls and conditions
    b" cache-control expect pragma range"
    b" if-match if-none-match if-modified-since if-unmodified-since if-range"
    # authentication
    b" authorization proxy-authorization cookie"
    # how the content is to be read
    b" content-encoding content-type content-range "
)


cdef void body_init(Body* body) noexcept nogil:
    memset(body, 0, sizeof(Body))
    body.state = DONE


cdef void body_free(Body* body) noexcept nogil:
    fields_free(&body.trailers)
    body_init(body)


cdef int body_begin(Body* body, const Head* head, const Limits* limits) noexcept nogil:
    fields_reset(&body.trailers)
    body.refusal.status = 0
    body.refusal.limit = 0
    body.offset = 0
    body.announced = 0
    body.left = 0
    body.consumed = 0
    if head.chunked:
        body.state = IN_SIZE
        body.digits = 0
        body.ext_bytes = 0
        body.line_offset = 0
        body.chunk_size = 0
        return BODY_PARTIAL
    if head.content_length <= 0:
        body.state = DONE
        return BODY_DONE
    if 0 <= limits.body_bytes < head.content_length:
        body.state = REFUSED
        return refuse_size(&body.refusal, 0, LIMIT_BODY, head.content_length)
    body.state = IN_LENGTH
    body.announced = head.content_length
    body.left = head.content_length
    return BODY_PARTIAL


cdef int body_next(Body* body, const char* data, Py_ssize_t size, const Limits* limits) noexcept nogil:
    cdef const uint8_t* start = <const uint8_t*>data
    cdef const uint8_t* end = start + size
    cdef int result
    body.consumed = 0
    if body.state == IN_LENGTH:
        if body.left == 0:
            body.state = DONE
            return BODY_DONE
        return hand_out(body, start, start, end)
    if body.state == DONE:
        return BODY_DONE
    if body.state == REFUSED:
        return BODY_ERROR
    result = next_chunk(body, start, end, limits)
    if result == BODY_ERROR:
        body.state = REFUSED
    return result


cdef int hand_out(Body* body, const uint8_t* start, const uint8_t* p, const uint8_t* end) noexcept nogil:
    """Answer with the content from p on, as far as it goes."""
    cdef Py_ssize_t size = end - p
    if size > body.left:
        size = <Py_ssize_t>body.left
    body.content_start = p - start
    body.content_size = size
    body.left -= size
    return stop_at(body, start, p + size, BODY_DATA if size else BODY_PARTIAL)


cdef int stop_at(Body* body, const uint8_t* start, const uint8_t* p, int result) noexcept nogil:
    body.consumed = p - start
    body.offset += p - start
    return result


# ---- Chunked coding, RFC 9112 section 7.1

cdef int next_chunk(Body* body, const uint8_t* start, const uint8_t* end,
                    const Limits* limits) noexcept nogil:
    cdef const uint8_t* p = start
    if body.state == IN_CHUNK:
        if body.left:
            return hand_out(body, start, p, end)
        body.state = AFTER_CHUNK
    if body.state == AFTER_CHUNK:
        if p == end:
            return BODY_PARTIAL
        if p[0] != CR:
            return refuse(&body.refusal, body.offset, 400, b"no CRLF after chunk data",
                          b"RFC 9112 section 7.1")
        p += 1
        body.state = AFTER_CHUNK_CR
    if body.state == AFTER_CHUNK_CR:
        if p == end:
            return stop_at(body, start, p, BODY_PARTIAL)
        if p[0] != LF:
            return refuse(&body.refusal, body.offset + (p - start), 400, b"no CRLF after chunk data",
                          b"RFC 9112 section 7.1")
        p += 1
        body.state = IN_SIZE
        body.digits = 0
        body.chunk_size = 0
        body.line_offset = body.offset + (p - start)
    if body.state == IN_SIZE:
        p = read_size(body, start, p, end, limits)
        if p == NULL:
            return BODY_ERROR
    if BEFORE_EXT <= body.state <= AFTER_EXT_QUOTED:
        p = read_extension(body, start, p, end, limits)
        if p == NULL:
            return BODY_ERROR
    if body.state == AFTER_SIZE_CR and p < end:
        if p[0] != LF:
            return refuse(&body.refusal, body.offset + (p - start) - 1, 400, b"bare CR",
                          b"RFC 9112 section 2.2")
        p += 1
        if body.chunk_size:
            body.announced += <int64_t>body.chunk_size
            body.left = <int64_t>body.chunk_size
            body.state = IN_CHUNK
            return hand_out(body, start, p, end)
        body.state = IN_TRAILERS
    if body.state == IN_TRAILERS:
        return read_trailers(body, start, p, end, limits)
    return stop_at(body, start, p, BODY_PARTIAL)


cdef const uint8_t* read_size(Body* body, const uint8_t* start, const uint8_t* p, const uint8_t* end,
                              const Limits* limits) noexcept nogil:
    """Read chunk-size and, where no extension follows, its CR; NULL once refused."""
    cdef uint64_t size = body.chunk_size
    cdef uint8_t digits = body.digits
    while p < end and digits < SIZE_DIGITS and byte_is(p[0], BYTE_HEX):
        # The low four bits of a letter count from 1, and bit 6 tells a letter from a digit.
        size = 16 * size + (p[0] & 15) + 9 * (p[0] >> 6)
        digits += 1
        p += 1
    body.chunk_size = size
    body.digits = digits
    # Before any other word on this line: more digits make it no smaller, and a peer must get the same answer
    # however its bytes were cut.
    if judge_size(body, limits) == BODY_ERROR:
        return NULL
    if p == end:
        return p
    if digits and p[0] == CR:
        body.state = AFTER_SIZE_CR
        return p + 1
    if digits and (p[0] == c";" or p[0] == SP or p[0] == HTAB):
        body.state = BEFORE_EXT
        return p
    if digits and p[0] == LF:
        refuse(&body.refusal, body.offset + (p - start), 400, b"bare LF", b"RFC 9112 section 2.2")
    elif byte_is(p[0], BYTE_HEX):
        refuse(&body.refusal, body.offset + (p - start), 400, b"too many digits in chunk size",
               b"RFC 9112 section 7.1")
    else:
        refuse(&body.refusal, body.offset + (p - start), 400, b"invalid byte in chunk size",
               b"RFC 9112 section 7.1")
    return NULL


cdef int judge_size(Body* body, const Limits* limits) noexcept nogil:
    """Refuse a chunk, while none of it has come, that would make the body too large."""
    cdef int64_t limit = limits.body_bytes if limits.body_bytes >= 0 else INT64_MAX
    cdef uint64_t room = <uint64_t>(limit - body.announced) if limit > body.announced else 0
    cdef uint64_t countable = <uint64_t>(INT64_MAX - body.announced)
    if body.chunk_size <= room:
        return BODY_PARTIAL
    if limits.body_bytes < 0:
        return refuse(&body.refusal, body.line_offset, 400, b"chunk size overflow", b"RFC 9112 section 7.1")
    return refuse_size(&body.refusal, body.line_offset, LIMIT_BODY,
                       body.announced + <int64_t>min(body.chunk_size, countable))


# ---- Chunk extensions, RFC 9112 section 7.1.1

cdef const uint8_t* read_extension(Body* body, const uint8_t* start, const uint8_t* p, const uint8_t* end,
                                   const Limits* limits) noexcept nogil:
    """Read chunk-ext and the CR behind it; NULL once refused."""
    cdef uint8_t state = body.state
    while p < end:
        if p[0] == CR and (state == IN_EXT_NAME or state == IN_EXT_TOKEN or state == AFTER_EXT_QUOTED):
            body.state = AFTER_SIZE_CR
            return p + 1
        if body.ext_bytes >= limits.chunk_ext_bytes:
            refuse_size(&body.refusal, body.offset + (p - start), LIMIT_CHUNK_EXT, 0)
            return NULL
        body.ext_bytes += 1
        state = step_extension(state, p[0])
        if state == REFUSED:
            if p[0] == LF:
                refuse(&body.refusal, body.offset + (p - start), 400, b"bare LF", b"RFC 9112 section 2.2")
            else:
                refuse(&body.refusal, body.offset + (p - start), 400, b"invalid chunk extension",
                       b"RFC 9112 section 7.1.1")
            return NULL
        p += 1
    body.state = state
    return p


cdef uint8_t step_extension(uint8_t state, uint8_t byte) noexcept nogil:
    """*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS ( token / quoted-string ) ] ): the state behind byte.

    A recipient must take the whitespace that BWS stands for (RFC 9110 section 5.6.3), and no two recipients
    differ on it; anywhere else, and so before the CRLF, there is none to take.
    """
    if state == IN_EXT_QUOTED and byte == c'"':
        return AFTER_EXT_QUOTED
    if state == IN_EXT_QUOTED and byte == c"\\":
        return IN_EXT_PAIR
    if state == IN_EXT_QUOTED or state == IN_EXT_PAIR:
        return IN_EXT_QUOTED if byte_is(byte, BYTE_VALUE) else REFUSED
    if byte_is(byte, BYTE_TOKEN):
        if state == BEFORE_EXT_NAME or state == IN_EXT_NAME:
            return IN_EXT_NAME
        if state == BEFORE_EXT_VALUE or state == IN_EXT_TOKEN:
            return IN_EXT_TOKEN
        return REFUSED
    if byte == SP or byte == HTAB:
        if state == IN_EXT_NAME:
            return AFTER_EXT_NAME
        if state == IN_EXT_TOKEN or state == AFTER_EXT_QUOTED:
            return BEFORE_EXT
        return state
    if byte == c";":
        return REFUSED if state == BEFORE_EXT_NAME or state == BEFORE_EXT_VALUE else BEFORE_EXT_NAME
    if byte == c"=":
        return BEFORE_EXT_VALUE if state == IN_EXT_NAME or state == AFTER_EXT_NAME else REFUSED
    if byte == c'"' and state == BEFORE_EXT_VALUE:
        return IN_EXT_QUOTED
    return REFUSED


# ---- Trailers, RFC 9112 section 7.1.2

cdef int read_trailers(Body* body, const uint8_t* start, const uint8_t* p, const uint8_t* end,
                       const Limits* limits) noexcept nogil:
    cdef bint full = end - p >= limits.trailer_bytes
    cdef int64_t base = body.offset + (p - start)
    cdef int result = fields_parse(&body.trailers, p, p + limits.trailer_bytes if full else end, limits,
                                   &body.refusal, SHORT_NAMES, judge_trailer, body)
    if result == FIELDS_DONE:
        body.state = DONE
        body.trailers_start = p - start
        return stop_at(body, start, p + body.trailers.scanned, BODY_DONE)
    if result == FIELDS_PARTIAL:
        if not full:
            return stop_at(body, start, p, BODY_PARTIAL)
        refuse_size(&body.refusal, limits.trailer_bytes, LIMIT_TRAILERS, 0)
    elif body.refusal.limit == LIMIT_COUNT:
        body.refusal.reason = b"too many trailer fields"
    elif body.refusal.limit == LIMIT_FIELD:
        body.refusal.reason = b"trailer field too large"
    body.refusal.offset += base
    body.refusal.measured += base
    return BODY_ERROR


cdef int judge_trailer(void* owner, const uint8_t* start, const Field* field) noexcept nogil:
    # SAFETY: read_trailers hands in its Body.
    cdef Body* body = <Body*>owner
    cdef char wanted[FORBIDDEN_BYTES + 3]   # " name ", and NUL
    cdef uint32_t at
    wanted[0] = SP
    for at in range(field.name_size):
        wanted[at + 1] = start[field.name_start + at]
        if c"A" <= wanted[at + 1] <= c"Z":
            wanted[at + 1] |= 0x20
    wanted[field.name_size + 1] = SP
    wanted[field.name_size + 2] = 0
    if strstr(FORBIDDEN, wanted) != NULL:
        return refuse(&body.refusal, field.name_start, 400, b"field not allowed in trailers",
                      b"RFC 9110 section 6.5.1")
    return FIELDS_DONE
