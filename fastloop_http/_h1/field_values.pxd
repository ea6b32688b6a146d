"""What the values of some fields mean: media types, cookies. Knows bytes, not sockets."""


# Whether a Content-Type is application/json or application/*+json, whatever its parameters (RFC 6839).
cdef bint is_json_type(const char* value, Py_ssize_t size) noexcept nogil
# Whether it is application/x-www-form-urlencoded.
cdef bint is_form_type(const char* value, Py_ssize_t size) noexcept nogil
# Name and value of each cookie of a Cookie field, added to cookies where the name is new.
cdef int add_cookies(dict cookies, str value) except -1
