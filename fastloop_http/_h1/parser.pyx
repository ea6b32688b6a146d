"""HeadParser and BodyParser: the compiled parsers, from Python.

For tests and tools. The server does not come this way: it calls head_parse and body_next on the bytes where
the kernel left them.

SAFETY: a parser owns the block that it parses, and its spans lie within. Casts change the sign of bytes.
"""

from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from fastloop_http._h1.body cimport (
    BODY_DATA,
    BODY_DONE,
    BODY_ERROR,
    Body,
    body_begin,
    body_free,
    body_init,
    body_next,
)
from fastloop_http._h1.fields cimport Fields
from fastloop_http._h1.head cimport (
    DONE,
    HEAD_DONE,
    HEAD_ERROR,
    Head,
    head_free,
    head_init,
    head_parse,
    head_reset,
)
from fastloop_http._h1.refusal cimport Limits, Refusal, limits_init, refusal_message

from fastloop_http._h1.refusal import BodyError, HeadError


cdef str INCOMPLETE = "the head is not complete; feed it until feed() returns True"


cdef object refused(type error, const Refusal* refusal, const char* data, Py_ssize_t size, int64_t base,
                    const Limits* limits):
    return error(
        refusal_message(refusal, data, size, base, limits), refusal.status, refusal.reason.decode("ascii"),
        refusal.section.decode("ascii"), refusal.offset)


cdef list pairs(const Fields* fields, const char* start):
    cdef uint32_t at
    return [
        (start[fields.items[at].name_start:fields.items[at].name_start + fields.items[at].name_size],
         start[fields.items[at].value_start:fields.items[at].value_start + fields.items[at].value_size])
        for at in range(fields.count)
    ]


cdef class HeadParser:
    """Parse one request head at a time, for tests and tools. Limits are in bytes, max_fields a count."""

    cdef Head head
    cdef Limits limits
    cdef char* data         # owned; exactly size bytes, so that a sanitizer sees any read past them
    cdef Py_ssize_t size

    def __cinit__(self):
        head_init(&self.head)

    def __init__(self, *, uint32_t max_head_bytes=65536, uint32_t max_fields=100,
                 uint32_t max_field_bytes=16384, uint32_t max_target_bytes=16384):
        limits_init(&self.limits)
        self.limits.head_bytes = max_head_bytes
        self.limits.field_count = max_fields
        self.limits.field_bytes = max_field_bytes
        self.limits.target_bytes = max_target_bytes

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
            raise refused(HeadError, &self.head.refusal, self.data, self.size, 0, &self.limits)
        return result == HEAD_DONE

    def reset(self) -> None:
        """Forget the head and its bytes; the limits stay."""
        head_reset(&self.head)
        free(self.data)
        self.data = NULL
        self.size = 0

    cdef bytes span(self, uint32_t start, uint32_t size):
        if self.head.state != DONE:
            raise RuntimeError(INCOMPLETE)
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
        if self.head.state != DONE:
            raise RuntimeError(INCOMPLETE)
        return pairs(&self.head.fields, self.data)

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


cdef class BodyParser:
    """Parse one request body, for tests and tools.

    content_length (int) is that of the head; None: the body is chunked. Limits are in bytes, max_fields a
    count of trailers; max_body_bytes -1 is none.
    """

    cdef Body body
    cdef Limits limits
    cdef char* data         # owned: the bytes not consumed yet, and exactly those, so that a sanitizer sees
    cdef Py_ssize_t size    # any read past them
    cdef list fields
    cdef readonly bint done

    def __cinit__(self):
        body_init(&self.body)

    def __init__(self, content_length: int | None = None, *, int64_t max_body_bytes=2 * 1024 * 1024,
                 uint32_t max_chunk_ext_bytes=16384, uint32_t max_trailer_bytes=16384,
                 uint32_t max_fields=100, uint32_t max_field_bytes=16384):
        cdef Head head
        head_init(&head)
        head.chunked = content_length is None
        if content_length is not None:
            head.content_length = content_length
        limits_init(&self.limits)
        self.limits.body_bytes = max_body_bytes
        self.limits.chunk_ext_bytes = max_chunk_ext_bytes
        self.limits.trailer_bytes = max_trailer_bytes
        self.limits.field_count = max_fields
        self.limits.field_bytes = max_field_bytes
        self.fields = []
        self.done = body_begin(&self.body, &head, &self.limits) == BODY_DONE

    def __dealloc__(self):
        body_free(&self.body)
        free(self.data)

    def feed(self, bytes data not None) -> list[bytes]:
        """Take more bytes of the body; return the pieces of content in them, one a chunk at most.

        Bytes after the end of the body are not looked at. Raises BodyError when the body is refused, and
        again on every later call; for a Content-Length past the limit, on the first.
        """
        cdef list pieces = []
        cdef Py_ssize_t taken = 0
        cdef int result = BODY_DATA
        if not self.done and self.body.refusal.status == 0:
            self.replace(0, data, len(data))
        while result == BODY_DATA:
            result = body_next(&self.body, self.data + taken, self.size - taken, &self.limits)
            if result == BODY_DATA:
                # SAFETY: the span lies within the block, which is as it was until replace().
                pieces.append((self.data + taken + self.body.content_start)[:self.body.content_size])
            elif result == BODY_DONE and not self.done:
                self.done = True
                self.fields = pairs(&self.body.trailers, self.data + taken + self.body.trailers_start)
            taken += self.body.consumed
        self.replace(taken, b"", 0)
        if result == BODY_ERROR:
            raise refused(BodyError, &self.body.refusal, self.data, self.size, self.body.offset, &self.limits)
        return pieces

    cdef int replace(self, Py_ssize_t taken, const char* data, Py_ssize_t more) except -1:
        """Keep the block but for its first taken bytes, and behind it the more bytes at data."""
        cdef Py_ssize_t rest = self.size - taken
        cdef char* block = <char*>malloc(rest + more)
        if block == NULL and rest + more:
            raise MemoryError
        # SAFETY: both copies fill the block exactly; data outlives this call.
        if rest:
            memcpy(block, self.data + taken, rest)
        if more:
            memcpy(block + rest, data, more)
        free(self.data)
        self.data = block
        self.size = rest + more
        return 0

    @property
    def trailers(self) -> list[tuple[bytes, bytes]]:
        """The trailer fields, in order; empty until the body is done."""
        return self.fields

    @property
    def offset(self) -> int:
        """Bytes done with: once the body is done, its size on the wire."""
        return self.body.offset
