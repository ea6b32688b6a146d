"""HeadParser: the compiled parser, from Python.

For tests and tools. The server does not come this way: it calls head_parse on the bytes where the kernel
left them.

SAFETY: a parser owns the block that it parses, and its spans lie within. Casts change the sign of bytes.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

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

from fastloop_http._h1.refusal import HeadError


cdef extern from "scan.h" nogil:
    enum:
        BYTE_TOKEN, BYTE_VALUE, BYTE_TARGET
    const uint8_t* scan_scalar(const uint8_t* p, const uint8_t* end, int class_bit)
    const uint8_t* scan_swar(const uint8_t* p, const uint8_t* end, int class_bit)
    const uint8_t* scan_token(const uint8_t* p, const uint8_t* end)
    const uint8_t* scan_value(const uint8_t* p, const uint8_t* end)
    const uint8_t* scan_target(const uint8_t* p, const uint8_t* end)


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
