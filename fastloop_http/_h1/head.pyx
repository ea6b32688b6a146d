"""Parse a request head into spans, with the framing verdict (RFC 9112 sections 2 to 6).

Knows bytes, not sockets. One pass, resumable at any byte, no Python object. Refuses what smugglers use
wherever RFC 9112 lets a server refuse; decodes nothing, and reads no body.

SAFETY: every pointer stays within [data, end), which the caller of head_parse lends for that one call; Head
keeps offsets only. Casts change the sign of bytes or narrow offsets to 32 bits, which limits.head_bytes fits.
The nogil code calls libc and touches no Python object.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memset

from fastloop_http._h1.fields cimport Field, Fields, fields_free, fields_parse
from fastloop_http._h1.refusal cimport LIMIT_HEAD, LIMIT_TARGET, Refusal, refuse, refuse_size
from fastloop_http._h1.verdict cimport FRAMING_NAMES, judge_field, judge_form, judge_head


cdef extern from "scan.h" nogil:
    enum:
        BYTE_TOKEN, BYTE_DIGIT
    bint byte_is(uint8_t byte, int class_bit)
    const uint8_t* scan_scalar(const uint8_t* p, const uint8_t* end, int class_bit)
    const uint8_t* scan_target(const uint8_t* low, const uint8_t* p, const uint8_t* end)


cdef enum:
    LF = 10
    CR = 13
    SP = 32

cdef enum:
    # RFC 9112 section 2.2 asks for at least one; clients that end a body with a CRLF of their own send one.
    LEADING_LINES = 4
    # No registered method is longer than 17, and section 3 wants 501 for what is longer than any we know.
    METHOD_BYTES = 64


cdef void head_init(Head* head) noexcept nogil:
    memset(head, 0, sizeof(Head))
    head.content_length = -1


cdef void head_reset(Head* head) noexcept nogil:
    cdef Field* items = head.fields.items
    cdef uint32_t capacity = head.fields.capacity
    # In pieces: one of this size becomes "rep stos", which takes as long as a field line to start.
    memset(head, 0, <char*>&head.refusal - <char*>head)
    memset(&head.refusal, 0, sizeof(Refusal))
    memset(&head.fields, 0, sizeof(Fields))
    head.content_length = -1
    head.fields.items = items
    head.fields.capacity = capacity


cdef void head_free(Head* head) noexcept nogil:
    fields_free(&head.fields)
    memset(head, 0, sizeof(Head))


cdef int head_parse(Head* head, const char* data, Py_ssize_t size, const Limits* limits) noexcept nogil:
    cdef const uint8_t* start = <const uint8_t*>data
    cdef bint full = size >= limits.head_bytes
    cdef const uint8_t* end = start + (limits.head_bytes if full else size)
    cdef int result = HEAD_DONE
    if head.state < IN_FIELDS:
        if head.state != AT_START or not parse_regular(head, start, end, limits):
            result = parse_request_line(head, start, end, limits)
    elif head.state >= DONE:
        return HEAD_DONE if head.state == DONE else HEAD_ERROR
    if result == HEAD_DONE:
        result = fields_parse(&head.fields, start, end, limits, &head.refusal, FRAMING_NAMES,
                              judge_field, head)
        if result == HEAD_DONE:
            head.size = head.fields.scanned
            result = judge_head(head)
            if result == HEAD_DONE:
                head.state = DONE
                return HEAD_DONE
    if result == HEAD_PARTIAL:
        if not full:
            return HEAD_PARTIAL
        refuse_size(&head.refusal, limits.head_bytes, LIMIT_HEAD, 0)
    head.state = REFUSED
    return HEAD_ERROR


# ---- Request line, RFC 9112 section 3

cdef inline bint parse_regular(Head* head, const uint8_t* start, const uint8_t* end,
                               const Limits* limits) noexcept nogil:
    """Read the line of nearly every request at once. False: it is another, cut short or to be refused."""
    cdef const uint8_t* target
    cdef const uint8_t* p
    cdef const uint8_t* query = NULL
    cdef uint32_t size
    if end - start < 16 or head.fields.scanned != 0:
        return False
    if memcmp(start, b"GET /", 5) == 0:
        head.method = METHOD_GET
        head.method_size = 3
    elif memcmp(start, b"POST /", 6) == 0:
        head.method = METHOD_POST
        head.method_size = 4
    else:
        return False
    target = start + head.method_size + 1
    p = scan_target(start, target + 1, end)
    while p < end and p[0] == c"?":
        p += 1
        query = p if query == NULL else query
        p = scan_target(start, p, end)
    size = <uint32_t>(p - target)
    if end - p < 11 or memcmp(p, b" HTTP/1.1\r\n", 11) != 0 or size > limits.target_bytes:
        return False
    head.target_start = <uint32_t>(target - start)
    head.target_size = size
    head.path_start = head.target_start
    head.path_size = size
    if query != NULL:
        head.query_start = <uint32_t>(query - start)
        head.query_size = <uint32_t>(p - query)
        head.path_size = size - head.query_size - 1
    head.minor = 1
    head.fields.scanned = <uint32_t>(p - start) + 11
    head.state = IN_FIELDS
    return True


cdef int parse_request_line(Head* head, const uint8_t* start, const uint8_t* end,
                            const Limits* limits) noexcept nogil:
    cdef const uint8_t* p = start + head.fields.scanned
    cdef uint32_t size
    if head.state == AT_START:
        while p < end and p[0] == CR:
            if p - start == 2 * LEADING_LINES:
                return refuse(&head.refusal, p - start, 400, b"too many empty lines before the request line",
                              b"RFC 9112 section 2.2")
            if end - p < 2:
                head.fields.scanned = <uint32_t>(p - start)
                return HEAD_PARTIAL
            if p[1] != LF:
                return refuse(&head.refusal, p - start, 400, b"bare CR", b"RFC 9112 section 2.2")
            p += 2
        if p == end:
            head.fields.scanned = <uint32_t>(p - start)
            return HEAD_PARTIAL
        head.method_start = <uint32_t>(p - start)
        head.state = IN_METHOD

    if head.state == IN_METHOD:
        p = scan_scalar(p, end, BYTE_TOKEN)
        size = <uint32_t>(p - start) - head.method_start
        if size > METHOD_BYTES:
            return refuse(&head.refusal, head.method_start, 501, b"method too long", b"RFC 9112 section 3")
        if p == end:
            head.fields.scanned = <uint32_t>(p - start)
            return HEAD_PARTIAL
        if p[0] != SP or size == 0:
            return refuse(&head.refusal, p - start, 400, b"invalid byte in method", b"RFC 9112 section 3.1")
        head.method_size = size
        head.method = <uint8_t>find_method(p - size, size)
        p += 1
        head.target_start = <uint32_t>(p - start)
        head.state = IN_TARGET

    if head.state == IN_TARGET:
        p = scan_target(start, p, end)
        while p < end and p[0] == c"?":
            if head.query_start == 0:
                head.query_start = <uint32_t>(p - start) + 1
            p = scan_target(start, p + 1, end)
        size = <uint32_t>(p - start) - head.target_start
        if size > limits.target_bytes:
            return refuse_size(&head.refusal, <int64_t>head.target_start + limits.target_bytes, LIMIT_TARGET,
                               head.target_start)
        if p == end:
            head.fields.scanned = <uint32_t>(p - start)
            return HEAD_PARTIAL
        if p[0] != SP or size == 0:
            return refuse(&head.refusal, p - start, 400, b"invalid byte in request target",
                          b"RFC 9112 section 3.2")
        head.target_size = size
        head.path_start = head.target_start
        head.path_size = size
        if head.query_start:
            head.query_size = head.target_start + size - head.query_start
            head.path_size = size - head.query_size - 1
        # Origin form needs no second look, and is what every request but a few is in.
        if start[head.target_start] != c"/" or head.method == METHOD_CONNECT:
            if not judge_form(head, start):
                return refuse(&head.refusal, head.target_start, 400, b"invalid request target",
                              b"RFC 9112 section 3.2")
        p += 1
        head.fields.scanned = <uint32_t>(p - start)
        head.state = IN_VERSION

    if end - p < 10 or memcmp(p, b"HTTP/1.1\r\n", 10) != 0 and memcmp(p, b"HTTP/1.0\r\n", 10) != 0:
        return refuse_version(head, start, p, end)
    if head.form == FORM_ASTERISK and head.method != METHOD_OPTIONS:
        return refuse(&head.refusal, head.target_start, 400, b"invalid request target",
                      b"RFC 9112 section 3.2.4")
    head.minor = p[7] - c"0"
    head.fields.scanned = <uint32_t>(p - start) + 10
    head.state = IN_FIELDS
    return HEAD_DONE


cdef int refuse_version(Head* head, const uint8_t* start, const uint8_t* p,
                        const uint8_t* end) noexcept nogil:
    """Tell a version cut short from one malformed (400) and one well-formed that we do not speak (505)."""
    cdef const char* pattern = b"HTTP/0.0\r\n"       # 0: any digit
    cdef Py_ssize_t at
    for at in range(10):
        if p + at == end:
            return HEAD_PARTIAL
        if not byte_is(p[at], BYTE_DIGIT) if pattern[at] == c"0" else p[at] != pattern[at]:
            return refuse(&head.refusal, p + at - start, 400, b"invalid HTTP version",
                          b"RFC 9112 section 2.3")
    return refuse(&head.refusal, p - start, 505, b"HTTP version not supported", b"RFC 9112 section 2.3")


cdef Method find_method(const uint8_t* p, uint32_t size) noexcept nogil:
    if size == 3:
        if memcmp(p, b"GET", 3) == 0:
            return METHOD_GET
        if memcmp(p, b"PUT", 3) == 0:
            return METHOD_PUT
    elif size == 4:
        if memcmp(p, b"POST", 4) == 0:
            return METHOD_POST
        if memcmp(p, b"HEAD", 4) == 0:
            return METHOD_HEAD
    elif size == 5:
        if memcmp(p, b"PATCH", 5) == 0:
            return METHOD_PATCH
        if memcmp(p, b"TRACE", 5) == 0:
            return METHOD_TRACE
    elif size == 6:
        if memcmp(p, b"DELETE", 6) == 0:
            return METHOD_DELETE
    elif size == 7:
        if memcmp(p, b"OPTIONS", 7) == 0:
            return METHOD_OPTIONS
        if memcmp(p, b"CONNECT", 7) == 0:
            return METHOD_CONNECT
    return METHOD_OTHER
