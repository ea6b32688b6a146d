"""Judge the target and the fields that decide a request's framing and fate (RFC 9112 sections 3.2, 6, 9)."""

from libc.stdint cimport uint8_t, uint32_t

from fastloop_http._h1.fields cimport Field
from fastloop_http._h1.head cimport Head


cdef extern from *:
    """
    /* The names that judge_field knows, as fields_parse wants them. */
    __attribute__((unused)) static const uint32_t FRAMING_NAMES[32] = {
        [4] = 1u << ('h' & 31), [6] = 1u << ('e' & 31), [7] = 1u << ('u' & 31), [10] = 1u << ('c' & 31),
        [14] = 1u << ('c' & 31), [17] = 1u << ('t' & 31)};
    """
    const uint32_t* FRAMING_NAMES


# Each returns HEAD_DONE, or HEAD_ERROR with the refusal in head. judge_field is a Judge; head: a Head.
cdef int judge_field(void* head, const uint8_t* start, const Field* field) noexcept nogil
cdef int judge_head(Head* head) noexcept nogil

# For a target not in origin form: its form, authority and path. False if it has no form its method allows.
cdef bint judge_form(Head* head, const uint8_t* start) noexcept nogil

# Whether [p, end) is uri-host [":" port] (RFC 9110 section 4.2: no userinfo, no empty host; RFC 3986).
cdef bint is_authority(const uint8_t* p, const uint8_t* end, bint port_required) noexcept nogil
