"""What the access log is told of a request: see access.pxd."""

import logging

from cpython.unicode cimport PyUnicode_DecodeLatin1
from posix.strings cimport strncasecmp

from fastloop_http._h1.fields cimport Field

logger = logging.getLogger("fastloop_http")


cdef enum:
    # Bytes of a peer's in one piece: more than browsers send; what is behind is not worth a log's room.
    LONGEST = 1024

# What stands for a byte in the log. What might end a line or a quoted string, or tell a terminal something,
# is written as nginx does it.
cdef list ESCAPED = [
    chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02X}" for byte in range(256)
]


cdef str escaped(const char* data, Py_ssize_t size):
    """Return the bytes at data, escaped and cut."""
    cdef Py_ssize_t shown = min(size, <Py_ssize_t>LONGEST)
    cdef Py_ssize_t i
    cdef unsigned char byte
    for i in range(shown):
        byte = data[i]
        if not 32 <= byte < 127 or byte == c'"' or byte == c"\\":
            break
    else:
        if shown == size:
            # SAFETY: within the bytes lent for this call; copied.
            return PyUnicode_DecodeLatin1(data, size, NULL)
    text = "".join([ESCAPED[<unsigned char>data[i]] for i in range(shown)])
    return text if shown == size else f"{text}..."


cdef str maybe_field(const Head* head, const char* data, const char* name, Py_ssize_t size):
    """Return the value of the first field of this name; None without one."""
    cdef const Field* field
    cdef Py_ssize_t i
    for i in range(head.fields.count):
        # SAFETY: fields has count entries, whose spans lie within the head at data.
        field = &head.fields.items[i]
        if field.name_size == size and strncasecmp(data + field.name_start, name, size) == 0:
            return escaped(data + field.value_start, field.value_size)
    return None


cdef int tell(object log, tuple arguments) except -1:
    """Call log; an error of its own is no reason not to answer."""
    try:
        log(*arguments)
    except Exception:
        logger.exception("access log failed")
    return 0


cdef int tell_request(object log, object client, const Head* head, const char* data, int status, int64_t sent,
                      int64_t duration_ns, bint complete) except -1:
    # SAFETY: the spans of a complete head lie within the bytes at data.
    method = escaped(data + head.method_start, head.method_size)
    target = escaped(data + head.target_start, head.target_size)
    version = "1.1" if head.minor else "1.0"
    return tell(log, (
        client, f"{method} {target} HTTP/{version}", method, target, version, status, sent, duration_ns,
        maybe_field(head, data, b"referer", 7), maybe_field(head, data, b"user-agent", 10), complete,
    ))


cdef int tell_refused(object log, object client, const char* data, Py_ssize_t size, int status, int64_t sent,
                      int64_t duration_ns) except -1:
    cdef Py_ssize_t first = 0
    cdef Py_ssize_t end
    # Empty lines before a request are no part of it (RFC 9112 section 2.2).
    while first < size and (data[first] == c"\r" or data[first] == c"\n"):
        first += 1
    end = first
    while end < size and data[end] != c"\r" and data[end] != c"\n":
        end += 1
    line = escaped(data + first, end - first) if end > first else None
    return tell(log, (client, line, None, None, None, status, sent, duration_ns, None, None, True))
