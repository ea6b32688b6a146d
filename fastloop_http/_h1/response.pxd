cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from fastloop_http._h1.file_body cimport FileBody


cdef enum:
    # A body from here on is referenced, not copied: copying 32 KiB costs what a second iovec does.
    REFERENCED_BODY = 32 * 1024
    # A file up to here is read and goes out with the head: a task and sendfile(2) would cost more.
    SMALL_FILE = 64 * 1024


cdef enum Framing:      # how a body that is streamed ends
    FRAMED_BY_LENGTH = 0
    FRAMED_BY_CHUNKS
    FRAMED_BY_CLOSE     # for HTTP/1.0


cdef class Stream:
    cdef readonly object pieces
    cdef readonly object content_length
    cdef readonly object trailers
    cdef FileBody file          # what pieces are of, once it is to be sent; None: no file


@cython.final
cdef class Encoder:
    cdef char* data             # answers not sent yet, one after the other
    cdef Py_ssize_t size
    cdef Py_ssize_t capacity
    cdef bytes body             # the last answer's, to be sent after data; None where it is in data
    cdef Stream stream          # the body behind the last answer's head, to be sent as it comes; None: none
    cdef Framing framing        # of stream
    cdef char date[40]          # "date: ...\r\n" of date_second
    cdef int64_t date_second
    cdef object encode_json
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


# The body of an answer as a stream: itself, or an iterator; None where it is neither.
cdef Stream maybe_stream(object body)
# Whether the body of an answer is made as it is sent, and may depend on the request's that still comes.
cdef bint is_streamed(object answer) except -1
# Let go of what an answer holds that nobody is going to send.
cdef int close_unsent(object answer) except -1
