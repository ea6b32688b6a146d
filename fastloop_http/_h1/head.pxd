"""Parse a request head into spans, with the framing verdict (RFC 9112 sections 2 to 6).

Sans-I/O. Every span is an offset from the first byte of the head, so the bytes may move between two calls.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from fastloop_http._h1.fields cimport Fields
from fastloop_http._h1.refusal cimport Limits, Refusal


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
    IN_FIELDS
    DONE
    REFUSED

cdef struct Head:
    # Progress: head_parse's own, with fields.scanned for the request line too.
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

    # Valid once HEAD_ERROR: 400, 414, 417, 431, 501 or 505; 503 if memory ran out.
    Refusal refusal

    Fields fields                           # the array outlives head_reset


cdef void head_init(Head* head) noexcept nogil
cdef void head_reset(Head* head) noexcept nogil
cdef void head_free(Head* head) noexcept nogil

# data begins at the first byte of the head. After HEAD_PARTIAL call again with the same bytes and more of
# them, at any address; no call scans what one before it has scanned, and the answer does not depend on how
# the bytes were cut. Any answer but HEAD_PARTIAL is final until head_reset. Touches no Python object.
cdef int head_parse(Head* head, const char* data, Py_ssize_t size, const Limits* limits) noexcept nogil
