"""What libFuzzer calls: parse the bytes whole and in pieces, and abort where the two do not agree.

Every piece is parsed in a block of its own that is not one byte larger, so that a sanitizer sees any read
past what has arrived. Calls nothing of Python's.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport abort, free, malloc
from libc.string cimport memcmp, memcpy

from fastloop_http._h1.body cimport (
    BODY_DATA,
    BODY_DONE,
    BODY_ERROR,
    BODY_PARTIAL,
    Body,
    body_begin,
    body_free,
    body_init,
    body_next,
)
from fastloop_http._h1.fields cimport Field, Fields
from fastloop_http._h1.head cimport (
    HEAD_DONE,
    HEAD_ERROR,
    HEAD_PARTIAL,
    Head,
    head_free,
    head_init,
    head_parse,
    head_reset,
)
from fastloop_http._h1.refusal cimport Limits, Refusal, limits_init


cdef enum:
    # Bytes of the input before the request: which limits, and where to cut.
    PREFIX = 4


cdef char* copied(const uint8_t* data, size_t size) noexcept nogil:
    cdef char* block = <char*>malloc(size)
    if block == NULL and size:
        abort()
    memcpy(block, data, size)
    return block


cdef void choose_limits(Limits* limits, uint8_t choice) noexcept nogil:
    """Small ones for half of the inputs: an input that is to meet the real ones is long."""
    limits_init(limits)
    if choice & 1:
        limits.head_bytes = 64 + choice
        limits.field_count = 1 + choice % 7
        limits.field_bytes = 8 + choice % 31
        limits.target_bytes = 1 + choice % 13
        limits.chunk_ext_bytes = choice % 9
        limits.trailer_bytes = 2 + choice % 37
        limits.body_bytes = choice % 11


cdef void check_span(const Head* head, uint32_t start, uint32_t size) noexcept nogil:
    if start > head.size or size > head.size - start:
        abort()


cdef void check_head(const Head* head, size_t size) noexcept nogil:
    """A complete head lies within the bytes given, and all its spans in it."""
    cdef uint32_t i
    cdef const Field* field
    if head.size == 0 or head.size > size:
        abort()
    check_span(head, head.method_start, head.method_size)
    check_span(head, head.target_start, head.target_size)
    check_span(head, head.path_start, head.path_size)
    check_span(head, head.query_start, head.query_size)
    check_span(head, head.host_start, head.host_size)
    for i in range(head.fields.count):
        field = &head.fields.items[i]
        check_span(head, field.name_start, field.name_size)
        check_span(head, field.value_start, field.value_size)
    if head.chunked and head.content_length >= 0:
        abort()


cdef int parse_whole(Head* head, const uint8_t* data, size_t size, const Limits* limits) noexcept nogil:
    cdef char* block = copied(data, size)
    cdef int result = head_parse(head, block, size, limits)
    free(block)
    return result


cdef int parse_cut(Head* head, const uint8_t* data, size_t size, const Limits* limits,
                   size_t step) noexcept nogil:
    """Parse with `step` bytes more at a time, each time at another address."""
    cdef size_t given = 0
    cdef int result = HEAD_PARTIAL
    while result == HEAD_PARTIAL and given < size:
        given = min(given + step, size)
        result = parse_whole(head, data, given, limits)
    return result


cdef void check_same_head(const Head* a, const Head* b, int result) noexcept nogil:
    if result == HEAD_ERROR:
        check_same_refusal(&a.refusal, &b.refusal)
    elif result == HEAD_DONE:
        if (
            a.size != b.size or a.content_length != b.content_length or a.chunked != b.chunked
            or a.keep_alive != b.keep_alive or a.expect_continue != b.expect_continue
            or a.upgrade != b.upgrade or a.method != b.method or a.form != b.form or a.minor != b.minor
            or a.path_start != b.path_start or a.path_size != b.path_size
            or a.query_start != b.query_start or a.query_size != b.query_size
            or a.host_start != b.host_start or a.host_size != b.host_size
        ):
            abort()
        check_same_fields(&a.fields, &b.fields)


cdef void check_same_refusal(const Refusal* a, const Refusal* b) noexcept nogil:
    if a.status < 400 or a.status != b.status or a.offset != b.offset or a.reason != b.reason:
        abort()


cdef void check_same_fields(const Fields* a, const Fields* b) noexcept nogil:
    if a.count != b.count or (a.count and memcmp(a.items, b.items, a.count * sizeof(Field))):
        abort()


# What was read of a body, however it came.
cdef struct Content:
    uint8_t* bytes          # room for all there is
    size_t size
    int result
    int64_t offset          # of the end, or of the refusal


cdef void read_body(Body* body, const Head* head, const uint8_t* data, size_t size, const Limits* limits,
                    size_t step, Content* content) noexcept nogil:
    """Read a body with `step` bytes more at a time; 0: all at once."""
    cdef size_t taken = 0, given = 0
    cdef size_t at
    cdef char* block
    cdef int result = body_begin(body, head, limits)
    content.size = 0
    while result == BODY_PARTIAL and given < size:
        given = size if step == 0 else min(given + step, size)
        block = copied(data + taken, given - taken)
        result = BODY_DATA
        at = 0
        while result == BODY_DATA:
            result = body_next(body, block + at, given - taken - at, limits)
            if result == BODY_ERROR:
                break
            if body.consumed < 0 or <size_t>body.consumed > given - taken - at:
                abort()
            if result == BODY_DATA:
                if (
                    body.content_size <= 0 or body.content_start < 0
                    or body.content_start + body.content_size > body.consumed
                ):
                    abort()
                memcpy(content.bytes + content.size, block + at + body.content_start, body.content_size)
                content.size += body.content_size
            at += body.consumed
        free(block)
        taken += at
    content.result = result
    content.offset = body.refusal.offset if result == BODY_ERROR else body.offset


cdef void compare_bodies(const Head* head, const uint8_t* data, size_t size, const Limits* limits,
                         size_t step) noexcept nogil:
    cdef Body whole, cut
    cdef Content a, b
    a.bytes = <uint8_t*>malloc(size + 1)
    b.bytes = <uint8_t*>malloc(size + 1)
    if a.bytes == NULL or b.bytes == NULL:
        abort()
    body_init(&whole)
    body_init(&cut)
    read_body(&whole, head, data, size, limits, 0, &a)
    read_body(&cut, head, data, size, limits, step, &b)
    if a.result != b.result or a.offset != b.offset or a.size != b.size or memcmp(a.bytes, b.bytes, a.size):
        abort()
    if a.result == BODY_ERROR:
        check_same_refusal(&whole.refusal, &cut.refusal)
    elif a.result == BODY_DONE:
        check_same_fields(&whole.trailers, &cut.trailers)
        if head.content_length >= 0 and <int64_t>a.size != head.content_length:
            abort()
    # Used again, as connections do.
    read_body(&cut, head, data, size, limits, step + 1, &b)
    if a.result != b.result or a.offset != b.offset or a.size != b.size or memcmp(a.bytes, b.bytes, a.size):
        abort()
    body_free(&whole)
    body_free(&cut)
    free(a.bytes)
    free(b.bytes)


cdef api int fuzz_request(const uint8_t* data, size_t size) noexcept nogil:
    """Read a request from the bytes behind the first four, which choose limits and cuts."""
    cdef Limits limits
    cdef Head whole, cut
    cdef int result
    cdef size_t step
    if size <= PREFIX:
        return 0
    choose_limits(&limits, data[0])
    step = 1 + data[1] % 64
    head_init(&whole)
    head_init(&cut)
    result = parse_whole(&whole, data + PREFIX, size - PREFIX, &limits)
    if parse_cut(&cut, data + PREFIX, size - PREFIX, &limits, step) != result:
        abort()
    check_same_head(&whole, &cut, result)
    # Used again, as connections do.
    head_reset(&cut)
    if parse_cut(&cut, data + PREFIX, size - PREFIX, &limits, 1 + data[2]) != result:
        abort()
    check_same_head(&whole, &cut, result)
    if result == HEAD_DONE:
        check_head(&whole, size - PREFIX)
        compare_bodies(
            &whole, data + PREFIX + whole.size, size - PREFIX - whole.size, &limits, 1 + data[3] % 32
        )
    head_free(&whole)
    head_free(&cut)
    return 0
