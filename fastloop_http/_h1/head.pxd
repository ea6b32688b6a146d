"""Parse a request head into spans, with the framing verdict (RFC 9112 sections 2 to 6).

Sans-I/O. Every span is an offset from the first byte of the head, so the bytes may move between two calls.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t


cdef enum:              # what head_parse returns
    HEAD_ERROR = -1
    HEAD_PARTIAL = 0
    HEAD_DONE = 1

cdef enum Method:
    METHOD_OTHER = 0    # a token: look at method_start, method_size
    METHOD_GET
    METHOD_HEAD
    METHOD_POST
    METHOD_PUT
    METHOD_DELETE
    METHOD_CONNECT
    METHOD_OPTIONS
    METHOD_TRACE
    METHOD_PATCH

cdef enum Form:         # of the request target, RFC 9112 section 3.2
    FORM_ORIGIN = 0     # /path?query
    FORM_ABSOLUTE       # http://host/path?query
    FORM_AUTHORITY      # host:port, with CONNECT only; neither path nor query
    FORM_ASTERISK       # *, with OPTIONS only; neither path nor query

cdef enum State:        # where the next byte belongs
    AT_START = 0
    IN_METHOD
    IN_TARGET
    IN_VERSION
    AT_LINE
    IN_NAME
    BEFORE_VALUE
    IN_VALUE
    DONE
    REFUSED

cdef enum Limit:        # which limit a refusal is about
    LIMIT_NONE = 0
    LIMIT_HEAD
    LIMIT_COUNT
    LIMIT_FIELD
    LIMIT_TARGET

cdef struct Field:
    uint32_t name_start, name_size
    uint32_t value_start, value_size        # without the whitespace around it; may be empty

cdef struct Limits:
    # 65536: four fields of the largest size below; what browsers send stays below 16 KiB.
    uint32_t head_bytes                     # leading empty lines and the blank line at the end included
    # 100: as hyper; a browser sends about 15, a chain of proxies adds as many again.
    uint32_t field_count
    # 16384: a full jar of cookies (RFC 6265 asks for 4096 per cookie) and a Kerberos ticket fit.
    uint32_t field_bytes                    # of one line, name to the last byte before CRLF
    # 16384: twice the 8000 that RFC 9112 section 3 asks for.
    uint32_t target_bytes

cdef struct Head:
    # Progress: head_parse's own.
    uint32_t scanned                        # bytes that need no second look
    uint32_t line_start                     # first byte of the field line being read
    uint32_t name_size, value_start         # of the field line being read
    uint8_t state                           # State
    uint8_t seen                            # the fields met so far that bear on framing

    # Request line.
    uint8_t method                          # Method
    uint8_t form                            # Form
    uint8_t minor                           # of HTTP/1.x: 0 or 1
    uint32_t method_start, method_size
    uint32_t target_start, target_size      # as sent
    uint32_t path_start, path_size          # within the target; of size 0 for "http://host", which means "/"
    uint32_t query_start, query_size        # within the target, after "?"; query_start 0: no "?"

    # Verdict, valid once HEAD_DONE.
    bint chunked
    bint keep_alive
    bint expect_continue                    # 100-continue asked for, by HTTP/1.1
    bint upgrade                            # Upgrade sent and listed in Connection, by HTTP/1.1
    int64_t content_length                  # -1: none
    uint32_t host_start, host_size          # host[:port] of the target, else of Host; may be empty
    uint32_t size                           # of the whole head

    # Refusal, valid once HEAD_ERROR. The strings are static.
    uint16_t status                         # 400, 414, 417, 431, 501 or 505; 503 if memory ran out
    uint8_t limit                           # Limit
    uint32_t offset                         # of the byte, or of the element, refused
    const char* reason                      # "bare CR"
    const char* section                     # "RFC 9112 section 2.2"

    Field* fields                           # owned; the array outlives head_reset
    uint32_t field_count, field_capacity


cdef void limits_init(Limits* limits) noexcept nogil
cdef void head_init(Head* head) noexcept nogil
cdef void head_reset(Head* head) noexcept nogil
cdef void head_free(Head* head) noexcept nogil

# data begins at the first byte of the head. After HEAD_PARTIAL call again with the same bytes and more of
# them, at any address; no byte is scanned twice, and the answer does not depend on how the bytes were cut.
# Any answer but HEAD_PARTIAL is final until head_reset. Touches no Python object.
cdef int head_parse(Head* head, const char* data, Py_ssize_t size, const Limits* limits) noexcept nogil

# What was refused, its value, the limit and the remedy, for a log. Only after HEAD_ERROR, with the data and
# size that head_parse was given.
cdef str head_message(const Head* head, const char* data, Py_ssize_t size, const Limits* limits)
