"""Judge the target and the fields that decide a request's framing and fate (RFC 9112 sections 3.2, 6, 9).

Part of head_parse, which calls it for a complete line and at the blank line. Knows one field at a time and
what Head remembers of those before it; looks at no field that does not bear on framing.

SAFETY: pointers stay within the target or value that head_parse has just scanned, in the bytes lent to it for
that one call; casts narrow offsets that fit 32 bits. The nogil code calls libc and touches no Python object.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from fastloop_http._h1.head cimport (
    FORM_ABSOLUTE,
    FORM_ASTERISK,
    FORM_AUTHORITY,
    HEAD_DONE,
    METHOD_CONNECT,
    Head,
)
from fastloop_http._h1.refusal cimport refuse


cdef extern from "arpa/inet.h" nogil:
    int AF_INET6
    int inet_pton(int family, const char* text, void* address)

cdef extern from "scan.h" nogil:
    enum:
        BYTE_DIGIT, BYTE_HOST, BYTE_HEX
    bint byte_is(uint8_t byte, int class_bit)
    bint name_is(const uint8_t* p, const char* lower, size_t size)
    const uint8_t* scan_scalar(const uint8_t* p, const uint8_t* end, int class_bit)
    const uint8_t* scan_token(const uint8_t* low, const uint8_t* p, const uint8_t* end)
    const uint8_t* scan_host(const uint8_t* low, const uint8_t* p, const uint8_t* end)


cdef enum:
    HTAB = 9
    SP = 32

cdef enum:                  # Head.seen
    SEEN_HOST = 1
    SEEN_LENGTH = 2
    SEEN_CODING = 4
    SEEN_UPGRADE = 8
    LISTED_CLOSE = 16
    LISTED_KEEP_ALIVE = 32
    LISTED_UPGRADE = 64


cdef bint judge_form(Head* head, const uint8_t* start) noexcept nogil:
    """Settle a target that is not in origin form (RFC 9112 sections 3.2.2 to 3.2.4); false if in none."""
    cdef const uint8_t* p = start + head.target_start
    cdef const uint8_t* end = p + head.target_size
    cdef const uint8_t* authority = p
    if head.method == METHOD_CONNECT:
        head.form = FORM_AUTHORITY
        head.host_start = head.target_start
        head.host_size = head.target_size
        head.path_size = 0
        return is_authority(p, end, True)
    if end - p == 1 and p[0] == c"*":
        # With a method other than OPTIONS it is refused after the version, so that the preface of HTTP/2,
        # "PRI * HTTP/2.0", gets 505 and not 400.
        head.form = FORM_ASTERISK
        head.path_size = 0
        return True
    if end - p > 7 and name_is(p, b"http://", 7):
        authority += 7
    elif end - p > 8 and name_is(p, b"https://", 8):
        authority += 8
    else:
        return False
    head.form = FORM_ABSOLUTE
    p = authority
    while p < end and p[0] != c"/" and p[0] != c"?":
        p += 1
    head.host_start = <uint32_t>(authority - start)
    head.host_size = <uint32_t>(p - authority)
    head.path_size -= <uint32_t>(p - start) - head.target_start
    head.path_start = <uint32_t>(p - start)
    return is_authority(authority, p, False)


cdef int judge_field(void* owner, const uint8_t* start, const Field* field) noexcept nogil:
    # SAFETY: head_parse hands in its Head.
    cdef Head* head = <Head*>owner
    cdef const uint8_t* name = start + field.name_start
    cdef const uint8_t* value = start + field.value_start
    cdef const uint8_t* end = value + field.value_size
    cdef uint32_t size = field.name_size
    if size == 4:
        if name_is(name, b"host", 4):
            return judge_host(head, start, value, end)
    elif size == 6:
        if name_is(name, b"expect", 6):
            return judge_expect(head, start, value, end)
    elif size == 7:
        if name_is(name, b"upgrade", 7):
            head.seen |= SEEN_UPGRADE
    elif size == 10:
        if name_is(name, b"connection", 10):
            return judge_connection(head, start, value, end)
    elif size == 14:
        if name_is(name, b"content-length", 14):
            return judge_length(head, start, value, end)
    elif size == 17:
        if name_is(name, b"transfer-encoding", 17):
            return judge_coding(head, start, value, end)
    return HEAD_DONE


cdef int judge_head(Head* head) noexcept nogil:
    if head.minor == 1:
        if not head.seen & SEEN_HOST:
            return refuse(&head.refusal, head.size - 2, 400, b"no Host", b"RFC 9112 section 3.2")
        head.keep_alive = head.seen & LISTED_CLOSE == 0
        # HTTP/1.0 has no Upgrade, and a server must ignore it there (RFC 9110 section 7.8).
        head.upgrade = head.seen & (SEEN_UPGRADE | LISTED_UPGRADE) == SEEN_UPGRADE | LISTED_UPGRADE
    else:
        head.keep_alive = head.seen & (LISTED_CLOSE | LISTED_KEEP_ALIVE) == LISTED_KEEP_ALIVE
    return HEAD_DONE


cdef int judge_host(Head* head, const uint8_t* start, const uint8_t* value,
                    const uint8_t* end) noexcept nogil:
    cdef const uint8_t* port
    if head.seen & SEEN_HOST:
        return refuse(&head.refusal, value - start, 400, b"more than one Host", b"RFC 9112 section 3.2")
    head.seen |= SEEN_HOST
    if head.form == FORM_ABSOLUTE or head.form == FORM_AUTHORITY:
        # The target's authority wins (RFC 9112 section 3.2.2), but a client must repeat it here.
        if not is_authority(value, end, False):
            return refuse(&head.refusal, value - start, 400, b"invalid Host", b"RFC 9112 section 3.2")
        return HEAD_DONE
    # Nearly every host is a name or an IPv4 address, which is all host. Empty is what a client sends for a
    # target without an authority.
    port = scan_host(start, value, end)
    if port != end and not (port != value and port[0] == c":" and is_port(port + 1, end)):
        if not is_authority(value, end, False):
            return refuse(&head.refusal, value - start, 400, b"invalid Host", b"RFC 9112 section 3.2")
    head.host_start = <uint32_t>(value - start)
    head.host_size = <uint32_t>(end - value)
    return HEAD_DONE


cdef bint is_authority(const uint8_t* p, const uint8_t* end, bint port_required) noexcept nogil:
    """Check uri-host [":" port] (RFC 9110 section 4.2: no userinfo, no empty host; RFC 3986)."""
    cdef const uint8_t* host = p
    if p == end:
        return False
    if p[0] == c"[":
        while p < end and p[0] != c"]":
            p += 1
        if p == end or not is_ipv6(host + 1, p):
            return False
        p += 1
    else:
        p = scan_scalar(p, end, BYTE_HOST)
        while end - p > 2 and p[0] == c"%" and byte_is(p[1], BYTE_HEX) and byte_is(p[2], BYTE_HEX):
            p = scan_scalar(p + 3, end, BYTE_HOST)
        if p == host:
            return False
    if p == end:
        return not port_required
    return p[0] == c":" and (not port_required or end - p > 1) and is_port(p + 1, end)


cdef bint is_port(const uint8_t* p, const uint8_t* end) noexcept nogil:
    cdef uint32_t port = 0
    while p < end:
        port = 10 * port + p[0] - c"0"
        if not byte_is(p[0], BYTE_DIGIT) or port > 65535:
            return False
        p += 1
    return True


cdef bint is_ipv6(const uint8_t* p, const uint8_t* end) noexcept nogil:
    cdef char text[46]          # INET6_ADDRSTRLEN: no address is longer, its NUL included
    cdef uint8_t address[16]
    if end - p > 45:
        return False
    memcpy(text, p, end - p)
    text[end - p] = 0
    return inet_pton(AF_INET6, text, address) == 1


cdef int judge_expect(Head* head, const uint8_t* start, const uint8_t* value,
                      const uint8_t* end) noexcept nogil:
    if end - value != 12 or not name_is(value, b"100-continue", 12):
        return refuse(&head.refusal, value - start, 417, b"unknown expectation", b"RFC 9110 section 10.1.1")
    # From HTTP/1.0 it must be ignored: such a client cannot read a 100.
    head.expect_continue = head.minor == 1
    return HEAD_DONE


cdef int judge_connection(Head* head, const uint8_t* start, const uint8_t* p,
                          const uint8_t* end) noexcept nogil:
    """Read #connection-option; empty elements are legal (RFC 9110 section 5.6.1)."""
    cdef const uint8_t* token
    cdef Py_ssize_t size
    while True:
        while p < end and (p[0] == c"," or p[0] == SP or p[0] == HTAB):
            p += 1
        if p == end:
            return HEAD_DONE
        token = p
        p = scan_token(start, p, end)
        size = p - token
        if size == 5 and name_is(token, b"close", 5):
            head.seen |= LISTED_CLOSE
        elif size == 7 and name_is(token, b"upgrade", 7):
            head.seen |= LISTED_UPGRADE
        elif size == 10 and name_is(token, b"keep-alive", 10):
            head.seen |= LISTED_KEEP_ALIVE
        p = skip_space(p, end)
        if p < end and p[0] != c",":
            return refuse(&head.refusal, p - start, 400, b"invalid Connection", b"RFC 9110 section 7.6.1")


cdef int judge_length(Head* head, const uint8_t* start, const uint8_t* value,
                      const uint8_t* end) noexcept nogil:
    cdef const uint8_t* p = value
    cdef int64_t length = 0
    cdef int digit
    if head.seen & SEEN_CODING:
        return refuse(&head.refusal, value - start, 400, b"both Transfer-Encoding and Content-Length",
                      b"RFC 9112 section 6.1")
    if head.seen & SEEN_LENGTH:
        return refuse(&head.refusal, value - start, 400, b"more than one Content-Length",
                      b"RFC 9112 section 6.3")
    head.seen |= SEEN_LENGTH
    while p < end:
        digit = p[0] - c"0"
        if not byte_is(p[0], BYTE_DIGIT) or length > (INT64_MAX - digit) // 10:
            return refuse(&head.refusal, value - start, 400, b"invalid Content-Length",
                          b"RFC 9110 section 8.6")
        length = 10 * length + digit
        p += 1
    if value == end:
        return refuse(&head.refusal, value - start, 400, b"invalid Content-Length", b"RFC 9110 section 8.6")
    head.content_length = length
    return HEAD_DONE


cdef int judge_coding(Head* head, const uint8_t* start, const uint8_t* p,
                      const uint8_t* end) noexcept nogil:
    """Accept one element, "chunked": the only coding we speak, and it must come last and only once."""
    cdef const uint8_t* token
    if head.minor == 0:
        return refuse(&head.refusal, p - start, 400, b"Transfer-Encoding in HTTP/1.0",
                      b"RFC 9112 section 6.1")
    if head.seen & SEEN_LENGTH:
        return refuse(&head.refusal, p - start, 400, b"both Content-Length and Transfer-Encoding",
                      b"RFC 9112 section 6.1")
    head.seen |= SEEN_CODING
    while True:
        token = p
        p = scan_token(start, p, end)
        if p == token:
            return refuse(&head.refusal, p - start, 400, b"invalid Transfer-Encoding",
                          b"RFC 9112 section 6.1")
        if head.chunked:
            return refuse(&head.refusal, token - start, 400, b"chunked is not the last transfer coding",
                          b"RFC 9112 section 6.1")
        head.chunked = p - token == 7 and name_is(token, b"chunked", 7)
        p = skip_space(p, end)
        if p < end and p[0] != c"," and (p[0] != c";" or head.chunked):
            return refuse(&head.refusal, p - start, 400, b"invalid Transfer-Encoding",
                          b"RFC 9112 section 6.1")
        if not head.chunked:
            return refuse(&head.refusal, token - start, 501, b"unknown transfer coding",
                          b"RFC 9112 section 6.1")
        if p == end:
            return HEAD_DONE
        p = skip_space(p + 1, end)


cdef const uint8_t* skip_space(const uint8_t* p, const uint8_t* end) noexcept nogil:
    while p < end and (p[0] == SP or p[0] == HTAB):
        p += 1
    return p
