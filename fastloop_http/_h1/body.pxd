"""Frame request bodies: Content-Length, the chunked coding and its trailers (RFC 9112 sections 6 and 7).

Sans-I/O, and in place: content is handed out as spans of the caller's bytes, and copied nowhere.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fastloop_http._h1.fields cimport Fields
from fastloop_http._h1.head cimport Head
from fastloop_http._h1.refusal cimport Limits, Refusal


cdef enum:              # what body_begin and body_next return
    BODY_ERROR = -1
    BODY_PARTIAL = 0    # more bytes are needed
    BODY_DONE = 1       # the body is complete; what follows belongs to the next message
    BODY_DATA = 2       # a piece of content; call again

cdef struct Body:
    # Progress: body_next's own.
    uint8_t state
    uint8_t digits                          # of the chunk size being read
    uint32_t ext_bytes                      # of all chunk extensions so far
    int64_t line_offset                     # of the chunk-size line being read

    int64_t offset                          # bytes done with since the body began, framing included
    int64_t announced                       # bytes of content in the length or in the chunk sizes so far
    uint64_t chunk_size                     # of the chunk being read
    int64_t left                            # bytes of content still to come of the length or of this chunk

    # The last call's answer, within the data that it was given.
    Py_ssize_t consumed                     # bytes done with; 0 after BODY_ERROR
    # After BODY_DATA. A piece that begins its chunk has content_size + left == chunk_size; one that ends it,
    # left == 0.
    Py_ssize_t content_start, content_size
    Py_ssize_t trailers_start               # after BODY_DONE: where the spans of trailers count from

    Refusal refusal                         # valid once BODY_ERROR: 400, 413 or 431; 503 if memory ran out
    Fields trailers                         # never part of the head's fields; the array outlives body_begin


cdef void body_init(Body* body) noexcept nogil
cdef void body_free(Body* body) noexcept nogil

# Begin the body of a complete head: BODY_PARTIAL, BODY_DONE where there is none, or BODY_ERROR for a
# Content-Length past the limit.
cdef int body_begin(Body* body, const Head* head, const Limits* limits) noexcept nogil

# data begins where the last call stopped: body.consumed bytes further on. All but a trailer section that is
# not complete is consumed; that has to be given again with more bytes behind it, at any address. No byte is
# scanned twice, and the verdict does not depend on how the bytes were cut. BODY_DONE and BODY_ERROR are final
# until body_begin. Touches no Python object.
#
#     while (result = body_next(body, data, size, limits)) == BODY_DATA:
#         take(data + body.content_start, body.content_size)
#         data += body.consumed
#         size -= body.consumed
cdef int body_next(Body* body, const char* data, Py_ssize_t size, const Limits* limits) noexcept nogil
