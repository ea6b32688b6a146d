cimport cython
from libc.stdint cimport int64_t

from fastloop_http._h1.streamed cimport Stream


cdef enum:
    # A body from here on is referenced, not copied: copying 32 KiB costs what a second iovec does.
    REFERENCED_BODY = 32 * 1024
    DATE_SIZE = 37          # of Encoder.date: "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


cdef enum Framing:      # how a body that is streamed ends
    FRAMED_BY_LENGTH = 0
    FRAMED_BY_CHUNKS
    FRAMED_BY_CLOSE     # for HTTP/1.0


@cython.final
cdef class Encoder:
    cdef char* data             # answers not sent yet, one after the other
    cdef Py_ssize_t size
    cdef Py_ssize_t capacity
    cdef bytes body             # the last answer's, to be sent after data; None where it is in data
    # What is to follow the last answer's head, which is in data: a Stream, its body. Or what stands in place
    # of an answer: an Upgrade, whose head is for who knows the request. None: neither.
    cdef object stream
    cdef Framing framing        # of stream
    cdef int status             # of the last answer
    cdef Py_ssize_t sent        # bytes of its body that go out, but for a stream's
    cdef char date[40]          # "date: ...\r\n" of date_second
    cdef int64_t date_second
    cdef dict status_lines

    cdef int reserve(self, Py_ssize_t size) except -1
    cdef int put(self, const char* data, Py_ssize_t size) except -1
    cdef int put_length(self, Py_ssize_t size) except -1
    cdef int refresh_date(self) noexcept
    cdef int answer_plain(self, const char* kind, Py_ssize_t kind_size, const char* data, Py_ssize_t sent,
                          Py_ssize_t size) except -1
    cdef int put_status(self, object status) except -1
    cdef int put_fields(self, object headers, bint* typed, bint* dated) except -1
    cdef int put_field(self, object name, object value, bint* typed, bint* dated) except -1
    cdef int answer(self, object value, bint head_only, bint keep_alive, bint minor) except -1
    cdef int answer_in_full(
        self, object status, object headers, object value, bint head_only, bint keep_alive, bint minor
    ) except -1
    cdef int answer_whole(
        self, object status, object headers, const char* kind, Py_ssize_t kind_size, const char* data,
        Py_ssize_t size, object owner, bint head_only, bint keep_alive, bint minor
    ) except -1
    cdef int answer_stream(
        self, object status, object headers, Stream stream, bint head_only, bint keep_alive, bint minor
    ) except -1
    cdef int put_trailers(self, object trailers) except -1
    cdef int put_connection(self, bint keep_alive, bint minor) except -1
    cdef int finish(self, const char* body, Py_ssize_t size, object owner, bint head_only) except -1
