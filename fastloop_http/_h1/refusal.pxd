"""What a peer's bytes may measure, and why they are refused: status, section, offset, limit.

Shared by every parser here. A refusal is a C struct, and no Python object before somebody asks for one.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t


cdef enum Limit:        # which limit a refusal is about
    LIMIT_NONE = 0
    LIMIT_HEAD
    LIMIT_COUNT
    LIMIT_FIELD
    LIMIT_TARGET
    LIMIT_BODY
    LIMIT_CHUNK_EXT
    LIMIT_TRAILERS

cdef struct Limits:
    # 65536: four fields of the largest size below; what browsers send stays below 16 KiB.
    uint32_t head_bytes                     # leading empty lines and the blank line at the end included
    # 100: as hyper; a browser sends about 15, a chain of proxies adds as many again.
    uint32_t field_count                    # of the head; of the trailer section once more
    # 16384: a full jar of cookies (RFC 6265 asks for 4096 per cookie) and a Kerberos ticket fit.
    uint32_t field_bytes                    # of one line, name to the last byte before CRLF
    # 16384: twice the 8000 that RFC 9112 section 3 asks for.
    uint32_t target_bytes
    # 16384: as hyper; hardly anybody sends any. It is the sum that is bounded, or each byte of content could
    # bring kilobytes of them.
    uint32_t chunk_ext_bytes                # of all chunk extensions of one body
    # 16384: a digest, a signature and a status are a few hundred bytes; as hyper.
    uint32_t trailer_bytes                  # of the trailer section, the blank line at its end included
    # 2 MiB: as axum; what is larger had better be read as it comes, by a handler that says so.
    int64_t body_bytes                      # of content, chunked or not; -1: no limit

cdef struct Refusal:    # the strings are static
    uint16_t status                         # 4xx or 5xx; 0: nothing is refused
    uint8_t limit                           # Limit
    int64_t offset                          # of the byte, or of the element, refused
    int64_t measured                        # what passed the limit: where it starts, or for a body its size
    const char* reason                      # "bare CR"
    const char* section                     # "RFC 9112 section 2.2"


cdef void limits_init(Limits* limits) noexcept nogil

# Both return -1, which is HEAD_ERROR, FIELDS_ERROR and BODY_ERROR.
cdef int refuse(Refusal* refusal, int64_t offset, uint16_t status, const char* reason,
                const char* section) noexcept nogil
# measured: as in Refusal. For a limit on a size of which all is refused, of no use: 0.
cdef int refuse_size(Refusal* refusal, int64_t offset, Limit limit, int64_t measured) noexcept nogil

# What was refused, its value, the limit and the remedy, for a log. data: the size bytes given to the parser
# when it refused; base: the offset of the first, counted as the refusal's.
cdef str refusal_message(const Refusal* refusal, const char* data, Py_ssize_t size, int64_t base,
                         const Limits* limits)

# At most 80 of a peer's bytes, quoted and escaped: safe to log.
cdef str shown(const char* data, Py_ssize_t size)
