"""Decode application/x-www-form-urlencoded: queries and forms. Knows bytes, not sockets.

As the URL standard, section 5.1, has it, but strict: a "%" without two hex digits, and what is no UTF-8 once
it is decoded, is an error (FormError). Empty pairs, as between "&&", are passed over.
"""


cdef struct Part:
    const char* start           # borrowed from the data
    Py_ssize_t size
    bint plain                  # it stands for itself, is ASCII, and needs no escape in JSON

cdef struct Pair:
    Part name
    Part value

# Find the next pair that is not empty; return where it ends, NULL where there is none.
cdef const char* next_pair(const char* at, const char* end, Pair* pair) noexcept nogil
# The text of a part, of data that begins there. Raises FormError for what is malformed.
cdef str decoded(const Part* part, const char* data)
# All pairs, in order, as (name, value).
cdef list pairs_of(const char* data, Py_ssize_t size)
# {name: value}, the last value of a name; or {name: [value, ...]} for names in lists, a frozenset.
cdef dict dict_of(const char* data, Py_ssize_t size, frozenset lists)
# The last value of name; None without one. Other pairs are passed over, well-formed or not.
cdef str maybe_value(const char* data, Py_ssize_t size, str name)
