"""Bodies of answers that are sent as they come: iterators, streams, files. Knows bytes, not sockets."""

from fastloop_http._h1.file_body cimport FileBody


cdef enum:
    # A file up to here is read and goes out with the head: a task and sendfile(2) would cost more.
    SMALL_FILE = 64 * 1024


cdef class Stream:
    cdef readonly object pieces
    cdef readonly object content_length
    cdef readonly object trailers
    cdef FileBody file          # what pieces are of, once it is to be sent; None: no file


# The body of an answer as a stream: itself, or an iterator; None where it is neither.
cdef Stream maybe_stream(object body)
# Whether the body of an answer is made as it is sent, and may depend on the request's that still comes.
cdef bint is_streamed(object answer) except -1
# Let go of what an answer holds that nobody is going to send.
cdef int close_unsent(object answer) except -1
# What is to be sent for a Stream of a file.
cdef Stream stream_of_file(Stream asked)
# All of a file that is not worth streaming, which is closed; None for anything else.
cdef bytes maybe_small_file(Stream stream)
