"""The calls of the commonest extractors, without a frame of the interpreter.

Each does what its fallback, in Python, would do as well, and leaves to that whatever is not plain, and every
failure: what a request is refused for is said in one place.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy

from fastloop_http._h1.request cimport Request
from fastloop_http._h1.urlencoded cimport Pair, Part, decoded, next_pair

cdef extern from "Python.h":
    object PyObject_Vectorcall(object callable, PyObject** args, size_t count, PyObject* names)
    int PyUnicode_KIND(object text)
    const unsigned char* PyUnicode_1BYTE_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    int PyUnicode_1BYTE_KIND

cdef enum:
    # Digits that fit 64 bits for certain.
    MOST_DIGITS = 18
    # Pairs of a query that there is room for on the stack.
    MOST_PAIRS = 24

cpdef enum:
    # Fields of a struct, likewise.
    MOST_FIELDS = 16

# A value that is not there, or not plain.
cdef object MISSING = object()


cdef bint read_int(const unsigned char* at, Py_ssize_t size, int64_t* number) noexcept nogil:
    """Read the number that all of size bytes write in decimal; say whether they plainly do."""
    cdef Py_ssize_t i
    cdef Py_ssize_t first = size > 0 and at[0] == c"-"
    if not 0 < size - first <= MOST_DIGITS or at[first] == c"0" and size > 1:
        return False
    number[0] = 0
    for i in range(first, size):
        if not c"0" <= at[i] <= c"9":
            return False
        number[0] = number[0] * 10 + (at[i] - c"0")
    if first:
        number[0] = -number[0]
    return True


def int_call(fallback):
    """Return call(text), the int that text writes in decimal; fallback(text) where that is not plain."""
    def call(str text not None):
        cdef int64_t number
        # SAFETY: so many characters of one byte, which the caller's reference keeps.
        if PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND and read_int(
            PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text), &number
        ):
            return number
        return fallback(text)

    return call


cdef bytes maybe_json(const char* query, Py_ssize_t size):
    """Return a JSON object of the pairs of a query, their values as strings; None where that is not plain."""
    cdef Pair pairs[MOST_PAIRS]
    cdef Pair* pair
    cdef Py_ssize_t i, count = 0, room = 2
    cdef bytes text
    cdef char* to
    cdef const char* at = query
    while True:
        if count == MOST_PAIRS:
            return None
        pair = &pairs[count]
        at = next_pair(at, query + size, pair)
        if at is NULL:
            break
        if not (pair.name.plain and pair.value.plain):
            return None
        room += pair.name.size + pair.value.size + 6
        count += 1
    text = PyBytes_FromStringAndSize(NULL, room - (count > 0))
    # SAFETY: a pair takes six bytes more than its parts, but for the comma that the last has not, and the
    # object two; nobody else has the text.
    to = PyBytes_AS_STRING(text)
    to[0] = c"{"
    to += 1
    for i in range(count):
        pair = &pairs[i]
        if i:
            to[0] = c","
            to += 1
        to[0] = c'"'
        memcpy(to + 1, pair.name.start, pair.name.size)
        to += 1 + pair.name.size
        memcpy(to, b'":"', 3)
        memcpy(to + 3, pair.value.start, pair.value.size)
        to += 3 + pair.value.size
        to[0] = c'"'
        to += 1
    to[0] = c"}"
    return text


def query_call(decode, fallback):
    """Return call(request): decode() of the query as a JSON object of strings, or else fallback(request)."""
    def call(Request request not None):
        # SAFETY: the spans of a complete head lie within its copy.
        cdef bytes text = maybe_json(request.data + request.head.query_start, request.head.query_size)
        if text is not None:
            try:
                return decode(text)
            except Exception:  # what is wrong, fallback finds again, and says
                pass
        return fallback(request)

    return call


cdef struct Field:
    const char* name            # borrowed from Fields.names
    Py_ssize_t size
    PyObject* kind              # borrowed: str, int or bool
    bint required


cdef class Fields:
    """The fields of a struct that are each a str, an int or a bool, in its order."""

    cdef object struct
    cdef list names
    cdef list defaults
    cdef Field fields[MOST_FIELDS]
    cdef Py_ssize_t count

    def __init__(self, struct, list fields not None):
        self.struct = struct
        self.names = [name.encode() for name, _, _, _ in fields]
        self.defaults = [default for _, _, _, default in fields]
        self.count = len(fields)
        if self.count > MOST_FIELDS:
            raise ValueError(f"{self.count} fields; there is room for {MOST_FIELDS}")
        for i, (_, kind, required, _) in enumerate(fields):
            # SAFETY: self.names keeps the name, and the interpreter these types.
            self.fields[i].name = PyBytes_AS_STRING(<bytes>self.names[i])
            self.fields[i].size = PyBytes_GET_SIZE(<bytes>self.names[i])
            self.fields[i].kind = <PyObject*>(str if kind is str else int if kind is int else bool)
            self.fields[i].required = required

    cdef Py_ssize_t index(self, const Part* name, Py_ssize_t likely) noexcept:
        """Return which field has this name, looked for from the likely one on; count where none has."""
        cdef Py_ssize_t _tried
        cdef Field* field
        for _tried in range(self.count):
            if likely >= self.count:
                likely = 0
            field = &self.fields[likely]
            if field.size == name.size and memcmp(field.name, name.start, name.size) == 0:
                return likely
            likely += 1
        return self.count

    cdef object maybe(self, const char* query, Py_ssize_t size):
        """Return the struct that a query makes; None where that is not plain. Raises as the struct does."""
        cdef Part found[MOST_FIELDS]
        cdef Pair pair
        cdef Py_ssize_t i, at_field = 0
        cdef int pairs = 0
        cdef const char* at = query
        for i in range(self.count):
            found[i].start = NULL
        while True:
            at = next_pair(at, query + size, &pair)
            if at is NULL:
                break
            pairs += 1
            if not pair.name.plain or pairs > MOST_PAIRS:
                return None
            i = self.index(&pair.name, at_field)
            # What is passed over has to be well-formed as well.
            if not pair.value.plain and (i == self.count or found[i].start is not NULL):
                return None
            if i < self.count:
                if found[i].start is not NULL and not found[i].plain:
                    return None
                found[i] = pair.value
                at_field = i + 1
        return self.made(found, query)

    cdef object made(self, const Part* found, const char* query):
        """Return the struct of the parts of its fields; None where these are not plain."""
        cdef PyObject* values[MOST_FIELDS]
        cdef Py_ssize_t i, count = 0
        try:
            while count < self.count:
                value = self.value(count, &found[count], query)
                if value is MISSING:
                    return None
                Py_INCREF(value)
                values[count] = <PyObject*>value
                count += 1
            # SAFETY: count references, which are ours until the end.
            return PyObject_Vectorcall(self.struct, values, count, NULL)
        finally:
            for i in range(count):
                Py_DECREF(<object>values[i])

    cdef object value(self, Py_ssize_t i, const Part* part, const char* query):
        """Return the value of a field, of part; MISSING where that is not plain."""
        cdef Field* field = &self.fields[i]
        cdef int64_t number
        if part.start is NULL:
            return MISSING if field.required else self.defaults[i]
        if field.kind is <PyObject*>str:
            return decoded(part, query)
        if not part.plain:
            return MISSING
        if field.kind is <PyObject*>int:
            if read_int(<const unsigned char*>part.start, part.size, &number):
                return number
        elif part.size == 4 and memcmp(part.start, b"true", 4) == 0:
            return True
        elif part.size == 5 and memcmp(part.start, b"false", 5) == 0:
            return False
        return MISSING


def struct_call(struct, list fields not None, fallback):
    """Return call(request): struct(...) of the query, or else fallback(request).

    fields: of struct, in its order, each (name in queries, str or int or bool, whether it is required, its
    default), at most 16.
    """
    cdef Fields plan = Fields(struct, fields)

    def call(Request request not None):
        try:
            # SAFETY: the spans of a complete head lie within its copy.
            made = plan.maybe(request.data + request.head.query_start, request.head.query_size)
        except Exception:  # what is wrong, fallback finds again, and says
            made = None
        return fallback(request) if made is None else made

    return call


def json_check(refuse):
    """Return check(request), which calls refuse(request) unless its content is said to be JSON."""
    def check(Request request not None):
        if not request._is_json():
            refuse(request)

    return check


def json_call(decode, fallback):
    """Return call(body): decode(body), or fallback(error, body) where that raises."""
    def call(bytes body not None):
        try:
            return decode(body)
        except Exception as error:
            failure = error
        return fallback(failure, body)

    return call
