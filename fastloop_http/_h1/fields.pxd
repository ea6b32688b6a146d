"""Parse field lines into spans, up to the blank line that ends them (RFC 9112 section 5).

A header section and a trailer section are read by the same rules; what the fields mean, who asks judges.
"""

from libc.stdint cimport uint8_t, uint32_t

from fastloop_http._h1.refusal cimport Limits, Refusal


cdef enum:              # what fields_parse returns
    FIELDS_ERROR = -1
    FIELDS_PARTIAL = 0
    FIELDS_DONE = 1

cdef enum:
    JUDGED_SIZES = 32       # a name that is longer is never judged

cdef struct Field:
    uint32_t name_start, name_size
    uint32_t value_start, value_size        # without the whitespace around it; may be empty

cdef struct Fields:
    # Progress: fields_parse's own, but for scanned, which says where the first line starts.
    uint32_t scanned                        # bytes that need no second look
    uint32_t line_start                     # first byte of the field line being read
    uint32_t name_size, value_start         # of the field line being read
    uint8_t state

    uint32_t count, capacity
    Field* items                            # owned; the array outlives fields_reset

# Judge one complete field of owner's: FIELDS_DONE, or FIELDS_ERROR with the refusal in owner.
ctypedef int (*Judge)(void* owner, const uint8_t* start, const Field* field) noexcept nogil


cdef void fields_reset(Fields* fields) noexcept nogil
cdef void fields_free(Fields* fields) noexcept nogil

# Offsets are from start. After FIELDS_PARTIAL call again with the same bytes and more of them, at any
# address; no call scans what one before it has scanned. After FIELDS_DONE scanned is the offset behind the
# blank line. judge is called where judged[size of the name] has the bit of its first letter, which is
# 1 << (letter & 31) in either case. judged has JUDGED_SIZES of these sets. Other fields cost no more than
# this test.
cdef int fields_parse(Fields* fields, const uint8_t* start, const uint8_t* end, const Limits* limits,
                      Refusal* refusal, const uint32_t* judged, Judge judge, void* owner) noexcept nogil
