"""The body of one request that did not come with its head: see incoming.pxd.

What has come waits here until the handler reads it. A handler that does not read makes its peer wait.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.string cimport memcpy

from fastloop_http._h1.body cimport (
    BODY_DATA,
    BODY_DONE,
    BODY_ERROR,
    body_begin,
    body_free,
    body_init,
    body_next,
)
from fastloop_http._h1.fields cimport Field
from fastloop_http._h1.refusal cimport refusal_message

from fastloop_http._h1.refusal import BodyError


class ClientDisconnected(ConnectionResetError):
    """The client has gone in the middle of its request, or of its answer: there is nobody to answer."""


def too_large(int64_t size, int64_t most):
    """Return the error for a body that is gathered and has size bytes, or more: most are allowed."""
    text = f"body too large: {size} bytes, limit {most}"
    return BodyError(f"{text}; raise max_body_bytes, or read request.stream()", 413, text,
                     "RFC 9110 section 15.5.14", 0)


@cython.final
cdef class Incoming:
    """A request body that is being received."""

    def __cinit__(self):
        body_init(&self.body)
        self.content = bytearray()
        self.trailers = []

    def __dealloc__(self):
        body_free(&self.body)

    cdef int begin(self, object loop, const Head* head, const Limits* limits, int64_t most, Wanted on_wanted,
                   void* source) except -1:
        self.loop = loop
        self.announced = head.content_length
        self.most = most
        self.on_wanted = on_wanted
        self.source = source
        # No error is possible: limits has none for the size of a body.
        body_begin(&self.body, head, limits)
        return 0

    # Who receives.

    cdef Py_ssize_t receive(self, const char* data, Py_ssize_t size, const Limits* limits) except -1:
        cdef const char* at = data
        cdef Py_ssize_t left = size
        cdef int result = body_next(&self.body, at, left, limits)
        while result == BODY_DATA:
            self.put(at + self.body.content_start, self.body.content_size)
            at += self.body.consumed
            left -= self.body.consumed
            result = body_next(&self.body, at, left, limits)
        if result == BODY_ERROR:
            self.refused = True
            refusal = &self.body.refusal
            self.fail(BodyError(
                refusal_message(refusal, at, left, self.body.offset, limits), refusal.status,
                refusal.reason.decode("ascii"), refusal.section.decode("ascii"), refusal.offset,
            ))
            return size
        if result == BODY_DONE:
            self.note_trailers(at + self.body.trailers_start)
            self.ended = True
            self.source = NULL
        self.wake()
        return at + self.body.consumed - data

    cdef int note_trailers(self, const char* data) except -1:
        cdef const Field* field
        cdef Py_ssize_t i
        for i in range(self.body.trailers.count):
            # SAFETY: the spans lie within the data that body_next was given last.
            field = &self.body.trailers.items[i]
            self.trailers.append((
                data[field.name_start:field.name_start + field.name_size].decode("latin-1").lower(),
                data[field.value_start:field.value_start + field.value_size].decode("latin-1"),
            ))
        return 0

    cdef int put(self, const char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t had = PyByteArray_GET_SIZE(self.content)
        self.received += size
        if self.discarding or self.error is not None:
            return 0
        if self.gathering and 0 <= self.most < self.received:
            return self.fail(too_large(self.received, self.most))
        PyByteArray_Resize(self.content, had + size)
        # SAFETY: there is room for size bytes behind the had ones.
        memcpy(PyByteArray_AS_STRING(self.content) + had, data, size)
        return 0

    cdef bint full(self) noexcept:
        """Say whether the peer had better wait."""
        return not self.gathering and not self.discarding and PyByteArray_GET_SIZE(self.content) > HIGH_WATER

    cdef int fail(self, object error) except -1:
        if self.error is None and not self.ended:
            self.error = error
            self.source = NULL
            self.wake()
        return 0

    cdef int discard(self) except -1:
        """Keep nothing of what is still to come."""
        self.discarding = True
        self.content = bytearray()
        return self.fail(RuntimeError("the body is gone: the request has been answered; read it before"))

    cdef int wake(self) except -1:
        waiter = self.waiter
        if waiter is not None and (self.ended or self.error is not None
                                   or not self.gathering and PyByteArray_GET_SIZE(self.content)):
            self.waiter = None
            if not waiter.done():
                waiter.set_result(None)
        return 0

    # Who reads.

    cdef int want(self) except -1:
        """Have more come, if it waits for being asked for."""
        self.wanted = True
        if self.source is not NULL:
            self.on_wanted(self.source)
        return 0

    cdef bytes take(self):
        cdef bytes content = PyBytes_FromStringAndSize(
            PyByteArray_AS_STRING(self.content), PyByteArray_GET_SIZE(self.content)
        )
        self.content = bytearray()
        return content

    async def wait(self):
        """Wait until there is something to take, or the end, or an error."""
        if self.waiter is not None:
            raise RuntimeError("the body is being read by another task already; read it in one place")
        waiter = self.waiter = self.loop.create_future()
        self.want()
        try:
            await waiter
        finally:
            if self.waiter is waiter:
                self.waiter = None

    async def gather(self):
        """Return all that has not been read yet, in bytes; raise BodyError (413) for more than the limit."""
        if self.streamed:
            raise RuntimeError("the body has been read by stream(); body() is for who reads nothing before")
        self.gathering = True
        if self.error is None and self.most >= 0 and max(self.announced, self.received) > self.most:
            self.gathering = False
            raise too_large(max(self.announced, self.received), self.most)
        try:
            while self.error is None and not self.ended:
                await self.wait()
        finally:
            self.gathering = False
        if self.error is not None:
            raise self.error
        return self.take()

    async def next_piece(self):
        """Return what has come and has not been read, in bytes; b"" at the end."""
        if not self.content and self.error is None and not self.ended:
            await self.wait()
        self.streamed = True
        if self.content:
            piece = self.take()
            if not self.ended:
                # It may have been too much to go on.
                self.want()
            return piece
        if self.error is not None:
            raise self.error
        return b""


cdef class BodyStream:
    """Iterates over a body as it comes: `async for piece in request.stream()`."""

    cdef Incoming incoming
    cdef bytes content          # all of it, where it has come already

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.incoming is not None:
            piece = await self.incoming.next_piece()
        else:
            piece, self.content = self.content, b""
        if not piece:
            raise StopAsyncIteration
        return piece


cdef object body_stream(Incoming incoming, bytes content):
    cdef BodyStream stream = BodyStream.__new__(BodyStream)
    stream.incoming = incoming
    stream.content = content
    return stream
