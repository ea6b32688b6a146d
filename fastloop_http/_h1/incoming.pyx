"""The body of one request that did not come with its head: see incoming.pxd.

What has come waits here until the handler reads it. A handler that does not read makes its peer wait. A body
of known size is received straight into what its handler gets.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.string cimport memcpy

from fastloop._core.coroutine cimport Coroutine, register_coroutine
from fastloop._core.future cimport FUTURE_PENDING, Future
from fastloop._sys.cpython cimport (
    PYGEN_RETURN,
    PySendResult,
    bytes_data,
    drop_reference,
    new_bytes,
    references,
    shorten_bytes,
)
from fastloop._sys.driver cimport fastloop_drive_by, fastloop_set_stopped
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


cdef enum:
    # Bytes from which on a piece is kept as it came. Smaller ones are gathered.
    BIG = 8 * 1024
    # Bytes received at once into a chunk. What is warm in the cache is received into faster than what is not.
    CHUNK = 120 * 1024
    # And how many of them make it a piece. Fewer are copied out of it: who keeps the piece keeps the chunk.
    HALF = CHUNK // 2
    # Bytes received at once where they are to stay: others have their turn then.
    TURN = 256 * 1024


class ClientDisconnected(ConnectionResetError):
    """The client has gone in the middle of its request, or of its answer: there is nobody to answer."""


def too_large(int64_t size, int64_t most):
    """Return the error for a body that is gathered and has size bytes, or more: most are allowed."""
    text = f"body too large: {size} bytes, limit {most}"
    return BodyError(f"{text}; raise max_body_bytes, or read request.stream()", 413, text,
                     "RFC 9110 section 15.5.14", 0)


@cython.final
cdef class Chunks:
    """Memory that pieces of bodies are received into, and that is used again once nobody else has it.

    Memory that is freed is likely to be paged in anew, and to be cold.
    """

    def __dealloc__(self):
        for chunk in self.items:
            if chunk is not NULL:
                drop_reference(chunk)

    cdef char* lend(self) except NULL:
        cdef PyObject* chunk
        cdef int i
        for i in range(CHUNKS):
            # SAFETY: the reference is ours, and nobody can come by another: no bytes are weakly referenced,
            # found by the collector, or interned. Who has the data has a reference as well.
            if self.items[i] is NULL or references(self.items[i]) == 1:
                break
        else:
            # Who has this one keeps it.
            i = (self.lent + 1) % CHUNKS
            chunk, self.items[i] = self.items[i], NULL
            drop_reference(chunk)
        if self.items[i] is NULL:
            self.items[i] = new_bytes(NULL, CHUNK)
        self.lent = i
        return bytes_data(self.items[i])

    cdef bint has_lent(self, const char* data) noexcept:
        return self.items[self.lent] is not NULL and data == bytes_data(self.items[self.lent])

    cdef bytes take(self, Py_ssize_t size):
        cdef PyObject* chunk = self.items[self.lent]
        if size < HALF:
            return PyBytes_FromStringAndSize(bytes_data(chunk), size)
        # SAFETY: nobody else has it yet, and it has room for more.
        shorten_bytes(chunk, size)
        return <bytes>chunk


@cython.final
cdef class Incoming:
    """A request body that is being received."""

    def __cinit__(self):
        body_init(&self.body)
        self.pieces = []
        self.rest = bytearray()
        self.trailers = []

    def __dealloc__(self):
        body_free(&self.body)

    cdef int begin(self, object loop, Chunks chunks, const Head* head, const Limits* limits, int64_t most,
                   Wanted on_wanted, void* source) except -1:
        self.loop = loop
        self.chunks = chunks
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

    cdef char* lend(self, Py_ssize_t* most) except? NULL:
        cdef int64_t coming = self.announced - self.received
        if self.announced < 0 or self.discarding or self.error is not None:
            return NULL
        if self.whole is not None:
            most[0] = min(coming, <int64_t>TURN)
            # SAFETY: whole has announced bytes, filled of which are here; nobody else has it before the end.
            return PyBytes_AS_STRING(self.whole) + self.filled
        if coming < BIG:
            return NULL
        most[0] = min(coming, <int64_t>CHUNK)
        return self.chunks.lend()

    cdef int put(self, const char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t had
        cdef bint lent
        self.received += size
        if self.discarding or self.error is not None:
            return 0
        if self.gathering and 0 <= self.most < self.received:
            return self.fail(too_large(self.received, self.most))
        if self.whole is not None:
            # SAFETY: the framing gives no more than was announced. It may have been received there.
            if data != PyBytes_AS_STRING(self.whole) + self.filled:
                memcpy(PyBytes_AS_STRING(self.whole) + self.filled, data, size)
            self.filled += size
            return 0
        self.waiting += size
        if size >= BIG:
            self.end_rest()
            lent = self.chunks.has_lent(data)
            self.pieces.append(self.chunks.take(size) if lent else PyBytes_FromStringAndSize(data, size))
            return 0
        had = PyByteArray_GET_SIZE(self.rest)
        PyByteArray_Resize(self.rest, had + size)
        # SAFETY: there is room for size bytes behind the had ones.
        memcpy(PyByteArray_AS_STRING(self.rest) + had, data, size)
        return 0

    cdef int end_rest(self) except -1:
        """Make a piece of the small ones, so that another may follow."""
        if PyByteArray_GET_SIZE(self.rest):
            self.pieces.append(bytes(self.rest))
            self.rest = bytearray()
        return 0

    cdef bint full(self) noexcept:
        """Say whether the peer had better wait."""
        return not self.gathering and not self.discarding and self.waiting > HIGH_WATER

    cdef int fail(self, object error) except -1:
        if self.error is None and not self.ended:
            self.error = error
            self.source = NULL
            self.wake()
        return 0

    cdef int discard(self) except -1:
        """Keep nothing of what is still to come."""
        self.discarding = True
        self.forget()
        return self.fail(RuntimeError("the body is gone: the request has been answered; read it before"))

    cdef int forget(self) except -1:
        """Let go of what has been received."""
        self.pieces.clear()
        self.taken = 0
        self.rest = bytearray()
        self.whole = None
        self.waiting = 0
        return 0

    cdef int wake(self) except -1:
        waiter = self.waiter
        if waiter is not None and (self.ended or self.error is not None
                                   or not self.gathering and self.waiting):
            self.waiter = None
            if waiter.state == FUTURE_PENDING:
                waiter.resolve(None)
        return 0

    # Who reads.

    cdef int want(self) except -1:
        """Have more come, if it waits for being asked for."""
        self.wanted = True
        if self.source is not NULL:
            self.on_wanted(self.source)
        return 0

    cdef bytes take(self):
        """Return the next piece; b"" where none is there."""
        cdef bytes piece
        if self.pieces:
            piece = self.pieces[self.taken]
            # Not to be moved down each time; the last takes them all along.
            self.pieces[self.taken] = b""
            self.taken += 1
            if self.taken == len(self.pieces):
                self.pieces.clear()
                self.taken = 0
        else:
            piece = bytes(self.rest)
            self.rest = bytearray()
        self.waiting -= PyBytes_GET_SIZE(piece)
        return piece

    cdef bytes take_all(self):
        """Return all that is there."""
        cdef bytes content
        if self.whole is not None:
            content = self.whole
        else:
            self.end_rest()
            content = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        self.forget()
        return content

    cdef int begin_whole(self) except -1:
        """Have the rest of a body of known size received where it is to stay."""
        cdef bytes content
        if self.announced >= 0 and not self.ended:
            content = self.take_all()
            # Memory that nobody has written to yet costs nothing: a client that only announces takes none.
            self.whole = PyBytes_FromStringAndSize(NULL, self.announced)
            self.filled = PyBytes_GET_SIZE(content)
            # SAFETY: nobody else has whole yet; what has come is no more than was announced.
            memcpy(PyBytes_AS_STRING(self.whole), PyBytes_AS_STRING(content), self.filled)
        return 0

    cdef int end_whole(self) except -1:
        """Keep what has come so far as a piece: nobody waits for all of it any more."""
        if self.whole is not None:
            self.pieces.append(self.whole[:self.filled])
            self.waiting = self.filled
            self.whole = None
        return 0

    cdef Future begin_to_wait(self):
        """Return a future of something to take, the end, or an error; have what is to come come."""
        if self.waiter is not None:
            raise RuntimeError("the body is being read by another task already; read it in one place")
        # Not the loop's: a task of ours is told of this one's end without a callback. Nobody asks where it
        # was made, so that the loop need not be asked for its debug mode.
        self.waiter = Future.__new__(Future)
        self.waiter._loop = self.loop
        self.want()
        return self.waiter

    async def wait(self):
        """Wait until there is something to take, or the end, or an error."""
        waiter = self.begin_to_wait()
        try:
            await waiter
        finally:
            if self.waiter is waiter:
                self.waiter = None

    cdef int check_whole(self) except -1:
        if self.streamed:
            raise RuntimeError("the body has been read by stream(); body() is for who reads nothing before")
        if self.error is None and self.most >= 0 and max(self.announced, self.received) > self.most:
            raise too_large(max(self.announced, self.received), self.most)
        return 0

    cdef bytes maybe_whole(self):
        self.check_whole()
        if self.error is not None:
            raise self.error
        return self.take_all() if self.ended and not self.gathering else None

    async def gather(self):
        """Return all that has not been read yet, in bytes; raise BodyError (413) for more than the limit."""
        self.check_whole()
        self.gathering = True
        if self.error is None:
            self.begin_whole()
        try:
            while self.error is None and not self.ended:
                await self.wait()
        finally:
            self.gathering = False
            if not self.ended:
                self.end_whole()
        if self.error is not None:
            raise self.error
        return self.take_all()

    cdef bytes maybe_piece(self):
        """Return the next piece, if one is there; None where it has to be waited for, and at the end."""
        if not self.waiting:
            return None
        self.streamed = True
        piece = self.take()
        if not self.ended:
            # It may have been too much to go on.
            self.want()
        return piece


@cython.final
cdef class NextPiece(Coroutine):
    """BodyStream.__anext__() where there is no piece yet, or none any more."""

    cdef Incoming incoming

    cdef int begin(self, PyObject** outcome) except -1:
        return self.resume(outcome)

    cdef int resume(self, PyObject** outcome) except -1:
        cdef Incoming incoming = self.incoming
        piece = incoming.maybe_piece()
        if piece is not None:
            return self.give(piece, outcome)
        if incoming.error is None and not incoming.ended:
            return self.wait_for(incoming.begin_to_wait(), outcome)
        incoming.streamed = True
        if incoming.error is not None:
            raise incoming.error
        raise StopAsyncIteration

    cdef int leave(self, object waiter) except -1:
        if self.incoming.waiter is waiter:
            self.incoming.waiter = None
        return 0


register_coroutine(NextPiece)


cdef NextPiece next_piece(Incoming incoming):
    cdef NextPiece call = NextPiece.__new__(NextPiece)
    call.qualname = "BodyStream.__anext__"
    call.incoming = incoming
    return call


@cython.final
@cython.freelist(4)
cdef class Ready:
    """An awaitable that is done: gives its value without suspending."""

    def __await__(self):
        return self


# The slots by which the interpreter drives it: a method that raised StopIteration would have a traceback made
# for it.

cdef PySendResult send_to(PyObject* ready, PyObject* value, PyObject** outcome) noexcept:
    # SAFETY: the slot is of a Ready; the reference counted is the caller's.
    outcome[0] = <PyObject*>(<Ready>ready).value
    Py_INCREF(<object>outcome[0])
    return PYGEN_RETURN


cdef PyObject* next_of(PyObject* ready) noexcept:
    cdef PyObject* outcome = NULL
    send_to(ready, NULL, &outcome)
    fastloop_set_stopped(outcome)
    return NULL


fastloop_drive_by(<PyTypeObject*>Ready, send_to, next_of)


cdef Ready ready(bytes value):
    cdef Ready awaitable = Ready.__new__(Ready)
    awaitable.value = value
    return awaitable


cdef class BodyStream:
    """Iterates over a body as it comes: `async for piece in request.stream()`."""

    cdef Incoming incoming
    cdef bytes content          # all of it, where it has come already

    def __aiter__(self):
        return self

    def __anext__(self):
        cdef bytes piece
        if self.incoming is not None:
            piece = self.incoming.maybe_piece()
            return next_piece(self.incoming) if piece is None else ready(piece)
        piece, self.content = self.content, b""
        return ready(piece) if piece else end()


async def end():
    """Say that there are no more pieces."""
    raise StopAsyncIteration


cdef object body_stream(Incoming incoming, bytes content):
    cdef BodyStream stream = BodyStream.__new__(BodyStream)
    stream.incoming = incoming
    stream.content = content
    return stream
