"""Bodies of answers that are sent as they come: see streamed.pxd."""

from cpython.tuple cimport PyTuple_CheckExact

from fastloop_http._h1.file_body cimport check_file, close_body, file_body, is_file
from fastloop_http._h1.into_response cimport answer_of


cdef class Stream:
    """A body that is sent as it comes: the `body` of an answer, as an iterator is by itself.

    pieces: an iterable or async iterable of bytes-like objects and str, which is sent as UTF-8. The next is
    asked for when the client has taken enough of those before. Or a file, open for reading in binary mode,
    which is sent from its position to its end, or content_length bytes of it, and closed in any case.
    content_length: bytes in all, where that is known; without it the body goes out in chunks (RFC 9112
    section 7.1), and to HTTP/1.0 up to the end of the connection. An iterator that raises, or gives another
    size than it said, ends the connection: the client sees that the body is cut. trailers: fields behind a
    body in chunks (RFC 9110 section 6.5), a mapping or iterable of pairs of str, or a callable that returns
    one at the end.

    Raises TypeError or ValueError for what cannot be sent, such as a file that is open for text.
    """

    def __init__(self, pieces, *, content_length=None, trailers=None):
        if is_file(pieces):
            check_file(pieces)
        elif not hasattr(pieces, "__aiter__") and not hasattr(pieces, "__iter__"):
            raise TypeError(f"Stream takes an iterable or an async iterable of bytes, not {pieces!r}")
        if content_length is not None and (not isinstance(content_length, int) or content_length < 0):
            raise ValueError(f"content_length must be an int from 0, or None, not {content_length!r}")
        if content_length is not None and trailers is not None:
            raise ValueError("trailers go behind a body in chunks; leave out content_length")
        self.pieces = pieces
        self.content_length = content_length
        self.trailers = trailers


cdef Stream maybe_stream(object body):
    if isinstance(body, Stream):
        return body
    # An iterable that is none, such as a str or a list, is a value.
    if hasattr(type(body), "__aiter__") or hasattr(type(body), "__next__"):
        return Stream(body)
    return None


cdef object body_of(object answer):
    """Return the body of an answer, as its handler gives it."""
    return (<tuple>answer)[len(<tuple>answer) - 1] if PyTuple_CheckExact(answer) and answer else answer


cdef bint is_streamed(object answer) except -1:
    body = body_of(answer)
    if isinstance(body, Stream):
        return not is_file((<Stream>body).pieces)
    return not is_file(body) and maybe_stream(body) is not None


cdef int close_unsent(object answer) except -1:
    body = body_of(answer_of(answer))
    return close_body((<Stream>body).pieces if isinstance(body, Stream) else body)


cdef Stream stream_of_file(Stream asked):
    cdef Stream stream = Stream.__new__(Stream)
    stream.file = stream.pieces = file_body(asked.pieces, asked.content_length)
    stream.trailers = asked.trailers
    stream.content_length = asked.content_length
    if stream.file.regular and asked.trailers is None:
        stream.content_length = stream.file.left
    return stream


cdef bytes maybe_small_file(Stream stream):
    cdef FileBody file = stream.file
    if file is None or not file.regular or stream.content_length is None or file.left > SMALL_FILE:
        return None
    content = file.take(file.left)
    if file.left:
        raise ValueError(f"{file.file!r} has become shorter: {file.left} bytes of it are gone")
    file.close()
    return content
