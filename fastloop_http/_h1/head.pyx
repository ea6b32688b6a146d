"""Parse a request head into spans, with the framing verdict (RFC 9112 sections 2 to 6).

Knows bytes, not sockets. One pass, resumable at any byte, no Python object until HeadParser is asked for one.
Refuses what smugglers use wherever RFC 9112 lets a server refuse; decodes nothing, and reads no body.

SAFETY: every pointer stays within [data, end), which the caller of head_parse lends for that one call; Head
keeps offsets only. Casts change the sign of bytes or narrow offsets to 32 bits, which limits.head_bytes fits.
The nogil code calls libc and touches no Python object.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from fastloop_http._h1.verdict cimport FRAMING_SIZES, judge_field, judge_form, judge_head, refuse, refuse_size


cdef extern from "scan.h" nogil:
    enum:
        BYTE_TOKEN, BYTE_VALUE, BYTE_TARGET, BYTE_DIGIT, BYTE_HOST, BYTE_HEX
    bint byte_is(uint8_t byte, int class_bit)
    bint name_is(const uint8_t* p, const char* lower, size_t size)
    const uint8_t* scan_scalar(const uint8_t* p, const uint8_t* end, int class_bit)
    const uint8_t* scan_swar(const uint8_t* p, const uint8_t* end, int class_bit)
    const uint8_t* scan_token(const uint8_t* p, const uint8_t* end)
    const uint8_t* scan_value(const uint8_t* p, const uint8_t* end)
    const uint8_t* scan_target(const uint8_t* p, const uint8_t* end)


cdef enum:
    HTAB = 9
    LF = 10
    CR = 13
    SP = 32

cdef enum:
    # RFC 9112 section 2.2 asks for at least one; clients that end a body with a CRLF of their own send one.
    LEADING_LINES = 4
    # No registered method is longer than 17, and section 3 wants 501 for what is longer than any we know.
    METHOD_BYTES = 64


cdef void limits_init(Limits* limits) noexcept nogil:
    limits.head_bytes = 65536
    limits.field_count = 100
    limits.field_bytes = 16384
    limits.target_bytes = 16384


cdef void head_init(Head* head) noexcept nogil:
    memset(head, 0, sizeof(Head))
    head.content_length = -1


cdef void head_reset(Head* head) noexcept nogil:
    cdef Field* fields = head.fields
    cdef uint32_t capacity = head.field_capacity
    memset(head, 0, sizeof(Head))
    head.content_length = -1
    head.fields = fields
    head.field_capacity = capacity


cdef void head_free(Head* head) noexcept nogil:
    free(head.fields)
    memset(head, 0, sizeof(Head))


cdef int head_parse(Head* head, const char* data, Py_ssize_t size, const Limits* limits) noexcept nogil:
    cdef const uint8_t* start = <const uint8_t*>data
    cdef bint full = size >= limits.head_bytes
    cdef const uint8_t* end = start + (limits.head_bytes if full else size)
    cdef int result
    if head.state < AT_LINE:
        result = parse_request_line(head, start, end, limits)
        if result != HEAD_DONE:
            if result == HEAD_PARTIAL and full:
                return refuse_size(head, limits.head_bytes, LIMIT_HEAD)
            return result
    elif head.state >= DONE:
        return HEAD_DONE if head.state == DONE else HEAD_ERROR
    result = parse_fields(head, start, end, limits)
    if result == HEAD_PARTIAL and full:
        return refuse_size(head, limits.head_bytes, LIMIT_HEAD)
    return result


# ---- Request line, RFC 9112 section 3

cdef int parse_request_line(Head* head, const uint8_t* start, const uint8_t* end,
                            const Limits* limits) noexcept nogil:
    cdef const uint8_t* p = start + head.scanned
    cdef uint32_t size
    cdef int result
    if head.state == AT_START:
        while p < end and p[0] == CR:
            if p - start == 2 * LEADING_LINES:
                return refuse(head, p - start, 400, b"too many empty lines before the request line",
                              b"RFC 9112 section 2.2")
            if end - p < 2:
                head.scanned = <uint32_t>(p - start)
                return HEAD_PARTIAL
            if p[1] != LF:
                return refuse(head, p - start, 400, b"bare CR", b"RFC 9112 section 2.2")
            p += 2
        if p == end:
            head.scanned = <uint32_t>(p - start)
            return HEAD_PARTIAL
        head.method_start = <uint32_t>(p - start)
        head.state = IN_METHOD

    if head.state == IN_METHOD:
        p = scan_scalar(p, end, BYTE_TOKEN)
        size = <uint32_t>(p - start) - head.method_start
        if size > METHOD_BYTES:
            return refuse(head, head.method_start, 501, b"method too long", b"RFC 9112 section 3")
        if p == end:
            head.scanned = <uint32_t>(p - start)
            return HEAD_PARTIAL
        if p[0] != SP or size == 0:
            return refuse(head, p - start, 400, b"invalid byte in method", b"RFC 9112 section 3.1")
        head.method_size = size
        head.method = <uint8_t>find_method(p - size, size)
        p += 1
        head.target_start = <uint32_t>(p - start)
        head.state = IN_TARGET

    if head.state == IN_TARGET:
        p = scan_target(p, end)
        while p < end and p[0] == c"?":
            if head.query_start == 0:
                head.query_start = <uint32_t>(p - start) + 1
            p = scan_target(p + 1, end)
        size = <uint32_t>(p - start) - head.target_start
        if size > limits.target_bytes:
            return refuse_size(head, head.target_start + limits.target_bytes, LIMIT_TARGET)
        if p == end:
            head.scanned = <uint32_t>(p - start)
            return HEAD_PARTIAL
        if p[0] != SP or size == 0:
            return refuse(head, p - start, 400, b"invalid byte in request target", b"RFC 9112 section 3.2")
        head.target_size = size
        head.path_start = head.target_start
        head.path_size = size
        if head.query_start:
            head.query_size = head.target_start + size - head.query_start
            head.path_size = size - head.query_size - 1
        # Origin form needs no second look, and is what every request but a few is in.
        if start[head.target_start] != c"/" or head.method == METHOD_CONNECT:
            if not judge_form(head, start):
                return refuse(head, head.target_start, 400, b"invalid request target",
                              b"RFC 9112 section 3.2")
        p += 1
        head.scanned = <uint32_t>(p - start)
        head.state = IN_VERSION

    if end - p < 10 or memcmp(p, b"HTTP/1.", 7) != 0 or p[7] & 0xFE != c"0" or p[8] != CR or p[9] != LF:
        result = refuse_version(head, start, p, end)
        if result != HEAD_DONE:
            return result
    if head.form == FORM_ASTERISK and head.method != METHOD_OPTIONS:
        return refuse(head, head.target_start, 400, b"invalid request target", b"RFC 9112 section 3.2.4")
    head.minor = p[7] - c"0"
    head.scanned = <uint32_t>(p - start) + 10
    head.state = AT_LINE
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
            return refuse(head, p + at - start, 400, b"invalid HTTP version", b"RFC 9112 section 2.3")
    return refuse(head, p - start, 505, b"HTTP version not supported", b"RFC 9112 section 2.3")


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


# ---- Fields, RFC 9112 section 5

cdef int parse_fields(Head* head, const uint8_t* start, const uint8_t* end,
                      const Limits* limits) noexcept nogil:
    cdef const uint8_t* p = start + head.scanned
    cdef const uint8_t* line = start + head.line_start
    cdef const uint8_t* value
    cdef const uint8_t* value_end
    cdef uint8_t state = head.state
    cdef Field* field
    while True:
        if state == AT_LINE:
            if p == end:
                break
            if p[0] == CR:
                if end - p < 2:
                    break
                if p[1] != LF:
                    return refuse(head, p - start, 400, b"bare CR", b"RFC 9112 section 2.2")
                head.size = <uint32_t>(p - start) + 2
                return judge_head(head)
            if p[0] == SP or p[0] == HTAB:
                return refuse(head, p - start, 400, b"space before a field name", b"RFC 9112 section 5.2")
            if head.field_count == limits.field_count:
                return refuse_size(head, p - start, LIMIT_COUNT)
            line = p
            head.line_start = <uint32_t>(p - start)
            state = IN_NAME
        if state == IN_NAME:
            p = scan_token(p, end)
            if p == end:
                break
            if p[0] != c":" or p == line:
                if p - line > limits.field_bytes:
                    return refuse_size(head, head.line_start + limits.field_bytes, LIMIT_FIELD)
                return refuse(head, p - start, 400, b"invalid byte in field name", b"RFC 9112 section 5.1")
            head.name_size = <uint32_t>(p - line)
            p += 1
            state = BEFORE_VALUE
        if state == BEFORE_VALUE:
            while p < end and (p[0] == SP or p[0] == HTAB):
                p += 1
            if p == end:
                break
            head.value_start = <uint32_t>(p - start)
            state = IN_VALUE

        p = scan_value(p, end)
        # Before any other word on this line: a peer must get the same answer however its bytes were cut.
        if p - line > limits.field_bytes:
            return refuse_size(head, head.line_start + limits.field_bytes, LIMIT_FIELD)
        if end - p < 2 and (p == end or p[0] == CR):
            break
        if p[0] != CR or p[1] != LF:
            return refuse_value_byte(head, p - start, p[0])
        value = start + head.value_start
        value_end = p
        while value_end > value and ((value_end - 1)[0] == SP or (value_end - 1)[0] == HTAB):
            value_end -= 1
        if head.field_count == head.field_capacity and not grow_fields(head):
            return refuse(head, line - start, 503, b"out of memory", b"RFC 9110 section 15.6.4")
        field = &head.fields[head.field_count]
        field.name_start = head.line_start
        field.name_size = head.name_size
        field.value_start = head.value_start
        field.value_size = <uint32_t>(value_end - value)
        head.field_count += 1
        if field.name_size < 32 and (<uint32_t>FRAMING_SIZES >> field.name_size) & 1:
            if judge_field(head, start, field) == HEAD_ERROR:
                return HEAD_ERROR
        p += 2
        state = AT_LINE

    if state != AT_LINE and p - line > limits.field_bytes:
        return refuse_size(head, head.line_start + limits.field_bytes, LIMIT_FIELD)
    head.scanned = <uint32_t>(p - start)
    head.state = state
    return HEAD_PARTIAL


cdef int refuse_value_byte(Head* head, Py_ssize_t offset, uint8_t byte) noexcept nogil:
    if byte == CR:
        return refuse(head, offset, 400, b"bare CR", b"RFC 9112 section 2.2")
    if byte == LF:
        return refuse(head, offset, 400, b"bare LF", b"RFC 9112 section 2.2")
    return refuse(head, offset, 400, b"control byte in field value", b"RFC 9110 section 5.5")


cdef bint grow_fields(Head* head) noexcept nogil:
    # 32: two browser requests' worth, 512 bytes. The capacity stays below twice limits.field_count.
    cdef uint32_t capacity = 2 * head.field_capacity if head.field_capacity else 32
    cdef Field* fields = <Field*>realloc(head.fields, capacity * sizeof(Field))
    if fields == NULL:
        return False
    head.fields = fields
    head.field_capacity = capacity
    return True


# ---- For logs, tests and tools

cdef str head_message(const Head* head, const char* data, Py_ssize_t size, const Limits* limits):
    cdef Py_ssize_t at = head.offset
    cdef Py_ssize_t first = at
    cdef str reason = head.reason.decode("ascii")
    if head.limit == LIMIT_HEAD:
        return f"{reason}: more than {limits.head_bytes} bytes; raise max_head_bytes"
    if head.limit == LIMIT_COUNT:
        return f"{reason}: more than {limits.field_count}; raise max_fields"
    if head.limit == LIMIT_FIELD or head.limit == LIMIT_TARGET:
        # As far as it has arrived: what follows may change the number and not the verdict.
        first = head.line_start if head.limit == LIMIT_FIELD else head.target_start
        while at < size and data[at] != CR and (data[at] != SP or head.limit == LIMIT_FIELD):
            at += 1
        if head.limit == LIMIT_FIELD:
            return f"{reason}: {at - first} bytes, limit {limits.field_bytes}; raise max_field_bytes"
        return f"{reason}: {at - first} bytes, limit {limits.target_bytes}; raise max_target_bytes"
    # The line around the byte, 40 bytes of it before.
    while first > 0 and at - first < 40 and data[first - 1] != LF:
        first -= 1
    # SAFETY: within the bytes lent for this call; copied.
    excerpt = data[first:at] + data[at:min(size, first + 80)].partition(b"\r\n")[0]
    shown = f": {excerpt!r}" if excerpt else ""
    return f"{reason}{shown} at byte {at} ({head.section.decode('ascii')})"


class HeadError(ValueError):
    """A refused request head.

    status (int) is the answer it deserves, reason (str) why, section (str) where that is written, and offset
    (int) the byte of the head it is about.
    """

    def __init__(self, message, status, reason, section, offset):
        super().__init__(message)
        self.status, self.reason, self.section, self.offset = status, reason, section, offset


cdef class HeadParser:
    """Parse one request head at a time, for tests and tools. Limits are in bytes, max_fields a count.

    The server does not come this way: it calls head_parse on the bytes where the kernel left them.
    """

    cdef Head head
    cdef Limits limits
    cdef char* data         # owned; exactly size bytes, so that a sanitizer sees any read past them
    cdef Py_ssize_t size

    def __cinit__(self):
        head_init(&self.head)

    def __init__(self, *, uint32_t max_head_bytes=65536, uint32_t max_fields=100,
                 uint32_t max_field_bytes=16384, uint32_t max_target_bytes=16384):
        self.limits = Limits(max_head_bytes, max_fields, max_field_bytes, max_target_bytes)

    def __dealloc__(self):
        head_free(&self.head)
        free(self.data)

    def feed(self, bytes data not None) -> bool:
        """Take more bytes of the head; True once it is complete. Bytes after its end are not looked at.

        Raises HeadError when the head is refused, and again on every later call.
        """
        cdef char* block
        cdef int result
        cdef Py_ssize_t more = len(data)
        if more:
            # SAFETY: the block holds self.size + more bytes; data outlives this call.
            block = <char*>realloc(self.data, self.size + more)
            if block == NULL:
                raise MemoryError
            memcpy(block + self.size, <const char*>data, more)
            self.data = block
            self.size += more
        result = head_parse(&self.head, self.data, self.size, &self.limits)
        if result == HEAD_ERROR:
            raise HeadError(
                head_message(&self.head, self.data, self.size, &self.limits), self.head.status,
                self.head.reason.decode("ascii"), self.head.section.decode("ascii"), self.head.offset)
        return result == HEAD_DONE

    def reset(self) -> None:
        """Forget the head and its bytes; the limits stay."""
        head_reset(&self.head)
        free(self.data)
        self.data = NULL
        self.size = 0

    cdef bytes span(self, uint32_t start, uint32_t size):
        if self.head.state != DONE:
            raise RuntimeError("the head is not complete; feed it until feed() returns True")
        return self.data[start:start + size]

    @property
    def method(self) -> bytes:
        return self.span(self.head.method_start, self.head.method_size)

    @property
    def target(self) -> bytes:
        return self.span(self.head.target_start, self.head.target_size)

    @property
    def path(self) -> bytes:
        return self.span(self.head.path_start, self.head.path_size)

    @property
    def query(self) -> bytes | None:
        """What follows "?" in the target; None where there is none."""
        query = self.span(self.head.query_start, self.head.query_size)
        return query if self.head.query_start else None

    @property
    def host(self) -> bytes:
        return self.span(self.head.host_start, self.head.host_size)

    @property
    def version(self) -> tuple[int, int]:
        return (1, self.head.minor)

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        cdef uint32_t at
        return [
            (self.span(self.head.fields[at].name_start, self.head.fields[at].name_size),
             self.span(self.head.fields[at].value_start, self.head.fields[at].value_size))
            for at in range(self.head.field_count)
        ]

    @property
    def content_length(self) -> int | None:
        return None if self.head.content_length < 0 else self.head.content_length

    @property
    def chunked(self) -> bool:
        return self.head.chunked

    @property
    def keep_alive(self) -> bool:
        return self.head.keep_alive

    @property
    def expect_continue(self) -> bool:
        return self.head.expect_continue

    @property
    def upgrade(self) -> bool:
        return self.head.upgrade

    @property
    def size(self) -> int:
        """Bytes of the whole head, once complete; 0 before."""
        return self.head.size


def scan(kind: str, bytes data not None, Py_ssize_t offset, variant: str = "chosen") -> int:
    """Return the index of the first byte from offset on that is not of its kind; for tests only.

    kind: "token", "value" or "target". variant: "chosen" (what the parser runs), "scalar" or "swar".
    """
    cdef int class_bit = {"token": BYTE_TOKEN, "value": BYTE_VALUE, "target": BYTE_TARGET}[kind]
    cdef Py_ssize_t size = len(data)
    cdef const uint8_t* p
    # SAFETY: exactly size bytes, freed below, so that a sanitizer sees any read past them.
    cdef uint8_t* block = <uint8_t*>malloc(size)
    if block == NULL or not 0 <= offset <= size or size == 0:
        free(block)
        raise ValueError(f"offset {offset} is not within {size} bytes")
    memcpy(block, <const char*>data, size)
    if variant == "scalar":
        p = scan_scalar(block + offset, block + size, class_bit)
    elif variant == "swar":
        p = scan_swar(block + offset, block + size, class_bit)
    elif class_bit == BYTE_TOKEN:
        p = scan_token(block + offset, block + size)
    elif class_bit == BYTE_VALUE:
        p = scan_value(block + offset, block + size)
    else:
        p = scan_target(block + offset, block + size)
    offset = p - block
    free(block)
    return offset
