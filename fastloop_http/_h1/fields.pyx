"""Parse field lines into spans, up to the blank line that ends them (RFC 9112 section 5).

Part of head_parse and of body_next. Refuses what smugglers use wherever RFC 9112 lets a server refuse; knows
no field by name.

SAFETY: every pointer stays within [start, end), which the caller lends for that one call; Fields keeps
offsets only, and callers bound a section to 32 bits of bytes. The nogil code calls libc and touches no Python
object.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from fastloop_http._h1.refusal cimport LIMIT_COUNT, LIMIT_FIELD, refuse, refuse_size


cdef extern from "scan.h" nogil:
    const uint8_t* scan_token(const uint8_t* low, const uint8_t* p, const uint8_t* end)
    const uint8_t* scan_value(const uint8_t* low, const uint8_t* p, const uint8_t* end)
    uint32_t scan_lines(const uint8_t* start, const uint8_t** p, const uint8_t* end, uint32_t* spans,
                        uint32_t room, uint32_t line_bytes)


cdef enum:
    HTAB = 9
    LF = 10
    CR = 13
    SP = 32

cdef enum:              # Fields.state: where the next byte belongs
    AT_LINE = 0
    IN_NAME
    BEFORE_VALUE
    IN_VALUE


cdef void fields_reset(Fields* fields) noexcept nogil:
    cdef Field* items = fields.items
    cdef uint32_t capacity = fields.capacity
    memset(fields, 0, sizeof(Fields))
    fields.items = items
    fields.capacity = capacity


cdef void fields_free(Fields* fields) noexcept nogil:
    free(fields.items)
    memset(fields, 0, sizeof(Fields))


cdef int fields_parse(Fields* fields, const uint8_t* start, const uint8_t* end, const Limits* limits,
                      Refusal* refusal, const uint32_t* judged, Judge judge, void* owner) noexcept nogil:
    cdef const uint8_t* p = start + fields.scanned
    cdef const uint8_t* line = start + fields.line_start
    cdef const uint8_t* value
    cdef const uint8_t* value_end
    cdef const uint8_t* irregular
    cdef uint8_t state = fields.state
    cdef uint32_t count
    cdef Field* field
    while True:
        if state == AT_LINE:
            if p == end:
                break
            if p[0] == CR:
                if end - p < 2:
                    break
                if p[1] != LF:
                    return refuse(refusal, p - start, 400, b"bare CR", b"RFC 9112 section 2.2")
                fields.scanned = <uint32_t>(p - start) + 2
                return FIELDS_DONE
            # What is regular, at once; the steps below settle a line that is not, and say what is wrong.
            irregular = p
            field = fields.items + fields.count
            count = min(fields.capacity, limits.field_count) - fields.count
            # SAFETY: a Field is the four numbers of a line, and there is room for count of them.
            count = scan_lines(start, &irregular, end, <uint32_t*>field, count, limits.field_bytes)
            if count:
                p = irregular
                fields.count += count
                while count:
                    if is_judged(judged, start, field):
                        if judge(owner, start, field) == FIELDS_ERROR:
                            return FIELDS_ERROR
                    field += 1
                    count -= 1
                continue
            if p[0] == SP or p[0] == HTAB:
                return refuse(refusal, p - start, 400, b"space before a field name", b"RFC 9112 section 5.2")
            if fields.count == limits.field_count:
                return refuse_size(refusal, p - start, LIMIT_COUNT, 0)
            line = p
            fields.line_start = <uint32_t>(p - start)
            state = IN_NAME
        if state == IN_NAME:
            p = scan_token(start, p, end)
            if p == end:
                break
            if p[0] != c":" or p == line:
                if p - line > limits.field_bytes:
                    return refuse_size(refusal, line - start + limits.field_bytes, LIMIT_FIELD, line - start)
                return refuse(refusal, p - start, 400, b"invalid byte in field name", b"RFC 9112 section 5.1")
            fields.name_size = <uint32_t>(p - line)
            p += 1
            state = BEFORE_VALUE
        if state == BEFORE_VALUE:
            while p < end and (p[0] == SP or p[0] == HTAB):
                p += 1
            if p == end:
                break
            fields.value_start = <uint32_t>(p - start)
            state = IN_VALUE

        p = scan_value(start, p, end)
        # Before any other word on this line: a peer must get the same answer however its bytes were cut.
        if p - line > limits.field_bytes:
            return refuse_size(refusal, line - start + limits.field_bytes, LIMIT_FIELD, line - start)
        if end - p < 2 and (p == end or p[0] == CR):
            break
        if p[0] != CR or p[1] != LF:
            return refuse_value_byte(refusal, p - start, p[0])
        value = start + fields.value_start
        value_end = p
        while value_end > value and ((value_end - 1)[0] == SP or (value_end - 1)[0] == HTAB):
            value_end -= 1
        if fields.count == fields.capacity and not grow(fields):
            return refuse(refusal, line - start, 503, b"out of memory", b"RFC 9110 section 15.6.4")
        field = &fields.items[fields.count]
        field.name_start = fields.line_start
        field.name_size = fields.name_size
        field.value_start = fields.value_start
        field.value_size = <uint32_t>(value_end - value)
        fields.count += 1
        if is_judged(judged, start, field):
            if judge(owner, start, field) == FIELDS_ERROR:
                return FIELDS_ERROR
        p += 2
        state = AT_LINE

    if state != AT_LINE and p - line > limits.field_bytes:
        return refuse_size(refusal, line - start + limits.field_bytes, LIMIT_FIELD, line - start)
    fields.scanned = <uint32_t>(p - start)
    fields.state = state
    return FIELDS_PARTIAL


cdef inline bint is_judged(const uint32_t* judged, const uint8_t* start, const Field* field) noexcept nogil:
    return (field.name_size < JUDGED_SIZES
            and (judged[field.name_size] >> (start[field.name_start] & 31)) & 1)


cdef int refuse_value_byte(Refusal* refusal, Py_ssize_t offset, uint8_t byte) noexcept nogil:
    if byte == CR:
        return refuse(refusal, offset, 400, b"bare CR", b"RFC 9112 section 2.2")
    if byte == LF:
        return refuse(refusal, offset, 400, b"bare LF", b"RFC 9112 section 2.2")
    return refuse(refusal, offset, 400, b"control byte in field value", b"RFC 9110 section 5.5")


cdef bint grow(Fields* fields) noexcept nogil:
    # 32: two browser requests' worth, 512 bytes. The capacity stays below twice limits.field_count.
    cdef uint32_t capacity = 2 * fields.capacity if fields.capacity else 32
    cdef Field* items = <Field*>realloc(fields.items, capacity * sizeof(Field))
    if items == NULL:
        return False
    fields.items = items
    fields.capacity = capacity
    return True
