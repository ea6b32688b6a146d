"""The calls of the commonest extractors, without a frame of the interpreter.

Each does what its fallback, in Python, would do as well, and leaves to that whatever is not plain, and every
failure: what a request is refused for is said in one place.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from fastloop_http._h1.request cimport Request
from fastloop_http._h1.urlencoded cimport Pair, next_pair

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    const unsigned char* PyUnicode_1BYTE_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    int PyUnicode_1BYTE_KIND

cdef enum:
    # Digits that fit 64 bits for certain.
    MOST_DIGITS = 18
    # Pairs of a query that there is room for on the stack.
    MOST_PAIRS = 24


def int_call(fallback):
    """Return call(text), the int that text writes in decimal; fallback(text) where that is not plain."""
    def call(str text not None):
        cdef int64_t number = 0
        cdef Py_ssize_t i, first = 0
        cdef Py_ssize_t size = PyUnicode_GET_LENGTH(text)
        cdef const unsigned char* at
        if size == 0 or PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND:
            return fallback(text)
        # SAFETY: size characters of one byte, which the caller's reference keeps.
        at = PyUnicode_1BYTE_DATA(text)
        if at[0] == c"-":
            first = 1
        if not 0 < size - first <= MOST_DIGITS or at[first] == c"0" and size > 1:
            return fallback(text)
        for i in range(first, size):
            if not c"0" <= at[i] <= c"9":
                return fallback(text)
            number = number * 10 + (at[i] - c"0")
        return -number if first else number

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
