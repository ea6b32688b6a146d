"""Decode application/x-www-form-urlencoded: see urlencoded.pxd."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.set cimport PySet_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeLatin1, PyUnicode_DecodeUTF8
from libc.string cimport memcmp, memcpy

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    str PyUnicode_New(Py_ssize_t size, int largest)
    void* PyUnicode_1BYTE_DATA(object text)

cdef enum:
    # A form that a person fills in has dozens; each costs a hundred times its bytes.
    MOST_PAIRS = 1000

cdef enum Kind:         # of a byte
    PLAIN = 0
    ENCODED             # stands for another, is part of a character, or has to be escaped in JSON
    EQUALS
    AMPERSAND

cdef unsigned char KINDS[256]
cdef signed char DIGITS[256]    # of hex; -1: none
for _byte in range(256):
    KINDS[_byte] = ENCODED if not 32 <= _byte < 127 or _byte in b'+%"\\' else PLAIN
    DIGITS[_byte] = int(chr(_byte), 16) if _byte in b"0123456789abcdefABCDEF" else -1
del _byte
KINDS[c"="] = EQUALS
KINDS[c"&"] = AMPERSAND


class FormError(ValueError):
    """Malformed application/x-www-form-urlencoded data."""


cdef const char* next_pair(const char* at, const char* end, Pair* pair) noexcept nogil:
    """Find the next pair that is not empty; return where it ends, NULL where there is none."""
    cdef Part* part = &pair.name
    cdef unsigned char kind
    while at < end and at[0] == c"&":
        at += 1
    if at >= end:
        return NULL
    part.start = at
    part.plain = True
    pair.value.start = NULL
    while at < end:
        kind = KINDS[<unsigned char>at[0]]
        if kind == ENCODED:
            part.plain = False
        elif kind == AMPERSAND:
            break
        elif kind == EQUALS and part is &pair.name:
            part.size = at - part.start
            part = &pair.value
            part.start = at + 1
            part.plain = True
        at += 1
    part.size = at - part.start
    if part is &pair.name:
        pair.value.start = at
        pair.value.size = 0
        pair.value.plain = True
    return at


cdef str decoded(const Part* part, const char* data):
    """Return the text of part; data: where all begins."""
    cdef bytes encoded
    cdef char* to
    cdef const char* at = part.start
    cdef const char* end = part.start + part.size
    cdef int high, low
    cdef str text
    if part.plain:
        if part.size < 2:
            # SAFETY: within the bytes lent for this call; the interpreter has these texts already.
            return PyUnicode_DecodeLatin1(part.start, part.size, NULL)
        text = PyUnicode_New(part.size, 127)
        # SAFETY: as above; nobody else has the text, which has room for so many bytes of ASCII.
        memcpy(PyUnicode_1BYTE_DATA(text), part.start, part.size)
        return text
    encoded = PyBytes_FromStringAndSize(NULL, part.size)
    # SAFETY: nobody else has the bytes, and decoding makes nothing longer.
    to = PyBytes_AS_STRING(encoded)
    while at < end:
        if at[0] == c"%":
            high = DIGITS[<unsigned char>at[1]] if end - at > 2 else -1
            low = DIGITS[<unsigned char>at[2]] if end - at > 2 else -1
            if high < 0 or low < 0:
                raise FormError(
                    f"'%' without two hex digits at byte {at - data}: {at[:min(end - at, 3)]!r}; a literal "
                    f"'%' is written %25"
                )
            to[0] = <char>(high * 16 + low)
            at += 3
        else:
            to[0] = c" " if at[0] == c"+" else at[0]
            at += 1
        to += 1
    try:
        return PyUnicode_DecodeUTF8(PyBytes_AS_STRING(encoded), to - PyBytes_AS_STRING(encoded), NULL)
    except UnicodeDecodeError as exc:
        raise FormError(
            f"no UTF-8 at byte {part.start - data}: {part.start[:min(part.size, 80)]!r}: {exc.reason}"
        ) from None


cdef int raise_too_many() except -1:
    raise FormError(f"more than {MOST_PAIRS} pairs of name and value")


cdef list pairs_of(const char* data, Py_ssize_t size):
    cdef list found = []
    cdef Pair pair
    cdef int count = 0
    cdef const char* at = next_pair(data, data + size, &pair)
    while at is not NULL:
        count += 1
        if count > MOST_PAIRS:
            raise_too_many()
        found.append((decoded(&pair.name, data), decoded(&pair.value, data)))
        at = next_pair(at, data + size, &pair)
    return found


cdef dict dict_of(const char* data, Py_ssize_t size, frozenset lists):
    cdef dict found = {}
    cdef Pair pair
    cdef int count = 0
    cdef bint listing = PySet_GET_SIZE(lists) > 0
    cdef str name, value
    cdef const char* at = next_pair(data, data + size, &pair)
    while at is not NULL:
        count += 1
        if count > MOST_PAIRS:
            raise_too_many()
        name = decoded(&pair.name, data)
        value = decoded(&pair.value, data)
        if listing and name in lists:
            (<list>found.setdefault(name, [])).append(value)
        else:
            found[name] = value
        at = next_pair(at, data + size, &pair)
    return found


cdef str maybe_value(const char* data, Py_ssize_t size, str name):
    cdef Pair pair
    cdef Part last
    cdef Py_ssize_t name_size
    last.start = NULL
    # SAFETY: cached in the str, which the caller holds.
    cdef const char* wanted = PyUnicode_AsUTF8AndSize(name, &name_size)
    cdef const char* at = next_pair(data, data + size, &pair)
    while at is not NULL:
        if pair.name.plain:
            if pair.name.size == name_size and memcmp(pair.name.start, wanted, name_size) == 0:
                last = pair.value
        elif is_name(&pair.name, data, name):
            last = pair.value
        at = next_pair(at, data + size, &pair)
    return None if last.start is NULL else decoded(&last, data)


cdef bint is_name(const Part* part, const char* data, str name) except -1:
    """Say whether part, which has to be decoded for that, is name."""
    try:
        return decoded(part, data) == name
    except FormError:
        return False


cdef bytes encoded_form(object data):
    if isinstance(data, str):
        return data.encode()
    if not isinstance(data, bytes):
        raise TypeError(f"form data must be bytes or str, not {type(data).__name__}")
    return data


def parse_pairs(data):
    """Return all pairs of data, bytes or str, in order, as (name, value).

    Raises FormError for what is malformed, and for more than 1,000 pairs.
    """
    cdef bytes form = encoded_form(data)
    return pairs_of(PyBytes_AS_STRING(form), PyBytes_GET_SIZE(form))


def parse_dict(data, frozenset lists not None=frozenset()):
    """Return the pairs of data, bytes or str, by name: the last value of each, a list of all for `lists`.

    Raises as `parse_pairs`. A name that does not occur is missing, in lists or not.
    """
    cdef bytes form = encoded_form(data)
    return dict_of(PyBytes_AS_STRING(form), PyBytes_GET_SIZE(form), lists)
