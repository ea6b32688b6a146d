"""What the values of some fields mean: see field_values.pxd."""

from libc.string cimport memcmp
from posix.strings cimport strncasecmp


cdef inline bint is_restricted(char character) noexcept nogil:
    """Say whether character may be in the name of a media type (RFC 6838 section 4.2)."""
    return (
        c"a" <= (character | 0x20) <= c"z" or c"0" <= character <= c"9" or character == c"+"
        or character == c"-" or character == c"." or character == c"_" or character == c"!"
        or character == c"#" or character == c"$" or character == c"&" or character == c"^"
    )


cdef Py_ssize_t type_size(const char* value, Py_ssize_t size) noexcept nogil:
    """Return the bytes of value before its parameters."""
    cdef Py_ssize_t end = 0
    while end < size and value[end] != c";":
        end += 1
    while end > 0 and (value[end - 1] == c" " or value[end - 1] == c"\t"):
        end -= 1
    return end


cdef bint is_json_type(const char* value, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t at, end
    # What nearly everybody writes.
    if size == 16 and memcmp(value, b"application/json", 16) == 0:
        return True
    end = type_size(value, size)
    if end < 16 or strncasecmp(value, b"application/", 12) != 0:
        return False
    if end == 16:
        return strncasecmp(value + 12, b"json", 4) == 0
    if end < 18 or strncasecmp(value + end - 5, b"+json", 5) != 0:
        return False
    for at in range(12, end - 5):
        if not is_restricted(value[at]):
            return False
    return True


cdef bint is_form_type(const char* value, Py_ssize_t size) noexcept nogil:
    return (
        type_size(value, size) == 33 and strncasecmp(value, b"application/x-www-form-urlencoded", 33) == 0
    )


cdef int add_cookies(dict cookies, str value) except -1:
    cdef str name, text, pair
    for pair in value.split(";"):
        name, equals, text = pair.partition("=")
        name = name.strip(" \t")
        text = text.strip(" \t")
        if not equals or not name:
            continue
        if len(text) > 1 and text[0] == '"' and text[len(text) - 1] == '"':
            text = text[1:len(text) - 1]
        cookies.setdefault(name, text)
    return 0
