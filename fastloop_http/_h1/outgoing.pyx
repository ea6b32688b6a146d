"""The body of one answer that is sent as it comes: see outgoing.pxd."""

from cpython.bytes cimport PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from fastloop_http._h1.observed cimport note_sent
from fastloop_http._h1.response cimport FRAMED_BY_CHUNKS, FRAMED_BY_LENGTH, Encoder

from fastloop_http._h1.incoming import ClientDisconnected


cdef enum:
    # Content that is copied behind its frame; above it the two are sent from where they are.
    COPIED = 4096
    # Content of an iterator that never waits, after which others have their turn.
    TURN = 512 * 1024


cdef class Outgoing:
    """Sends the pieces of a Stream, framed, as fast as the client takes them."""

    cdef int begin(self, Transport transport, Service service, int64_t begun_ns, bint paused) except -1:
        """Take over the answer that the encoder holds the head of."""
        cdef Encoder encoder = service.encoder
        self.transport = transport
        self.service = service
        self.begun_ns = begun_ns
        self.status = encoder.status
        self.stream = encoder.stream
        self.framing = encoder.framing
        # SAFETY: copied.
        self.head = PyBytes_FromStringAndSize(encoder.data, encoder.size)
        self.paused = paused
        self.transport.bulk = True
        encoder.stream = None
        encoder.size = 0
        return 0

    async def send(self):
        """Send everything; raises what the iterator does, and ValueError for another size than it said."""
        cdef int64_t turn = 0
        pieces = self.stream.pieces
        if hasattr(pieces, "__aiter__"):
            pieces = aiter(pieces)
            try:
                async for piece in pieces:
                    self.put(piece)
                    if self.paused or self.sent - turn > TURN:
                        await self.make_room()
                        turn = self.sent
            finally:
                if hasattr(pieces, "aclose"):
                    # Also where this is cancelled: its own clean-up is not left to the collector.
                    await pieces.aclose()
        else:
            pieces = iter(pieces)
            try:
                for piece in pieces:
                    self.put(piece)
                    if self.paused or self.sent - turn > TURN:
                        await self.make_room()
                        turn = self.sent
            finally:
                if hasattr(pieces, "close"):
                    pieces.close()
        self.finish()

    async def make_room(self):
        """Wait until the client has taken enough, or where it has, for others to have their turn."""
        room = self.service.loop.create_future()
        if self.paused:
            self.room = room
        else:
            self.service.loop.call_soon(pass_on, room)
        try:
            await room
        finally:
            self.room = None

    cdef int go_on(self) except -1:
        """Have the next pieces sent: the client has taken enough."""
        self.paused = False
        if self.room is not None and not self.room.done():
            self.room.set_result(None)
        return 0

    cdef int send_head(self) except -1:
        """Send the head now: no piece is there yet."""
        if self.head is not None:
            self.write(b"", b"", b"")
        return 0

    cdef int put(self, object piece) except -1:
        cdef bytes content
        if isinstance(piece, bytes):
            content = piece
        elif isinstance(piece, str):
            content = (<str>piece).encode()
        elif isinstance(piece, (bytearray, memoryview)):
            content = bytes(piece)
        else:
            raise TypeError(f"a streamed answer is of bytes-like objects and str, not {type(piece).__name__}")
        if not content:
            return 0
        self.sent += PyBytes_GET_SIZE(content)
        if self.framing == FRAMED_BY_CHUNKS:
            # With its end: some clients look at a chunk only when they have all of it.
            if PyBytes_GET_SIZE(content) != self.framed:
                self.framed = PyBytes_GET_SIZE(content)
                self.frame = b"%x\r\n" % self.framed
            return self.write(self.frame, content, b"\r\n")
        if self.framing == FRAMED_BY_LENGTH and self.sent > self.stream.content_length:
            raise ValueError(
                f"a streamed answer has {self.sent} bytes or more, and content_length "
                f"{self.stream.content_length}"
            )
        return self.write(b"", content, b"")

    cdef int write(self, bytes prefix, bytes content, bytes suffix) except -1:
        """Write the three, and the head before them if it is still here."""
        cdef Py_ssize_t size
        if self.transport.closing:
            raise ClientDisconnected("the client has gone in the middle of its answer")
        size = PyBytes_GET_SIZE(prefix) + PyBytes_GET_SIZE(content) + PyBytes_GET_SIZE(suffix)
        if self.head is not None:
            size += PyBytes_GET_SIZE(self.head)
            prefix, self.head = self.head + prefix, None
        note_sent(&self.service.counters, self.begun_ns, size)
        if PyBytes_GET_SIZE(content) >= COPIED:
            self.transport.writelines([prefix, content, suffix])
            return 0
        return self.transport.write_bytes_c(prefix + content + suffix)

    cdef int finish(self) except -1:
        """End the body."""
        cdef Encoder encoder = self.service.encoder
        cdef Py_ssize_t before = encoder.size
        trailers = self.stream.trailers
        if self.framing == FRAMED_BY_LENGTH and self.sent < self.stream.content_length:
            raise ValueError(
                f"a streamed answer has {self.sent} bytes, and content_length {self.stream.content_length}"
            )
        if self.framing != FRAMED_BY_CHUNKS:
            return self.send_head()
        encoder.put_trailers(trailers() if callable(trailers) else trailers)
        # SAFETY: copied out of the encoder, which may hold answers of another connection before this.
        end = PyBytes_FromStringAndSize(encoder.data + before, encoder.size - before)
        encoder.size = before
        return self.write(b"", end, b"")


def pass_on(room):
    """Wake who has let others have their turn."""
    if not room.done():
        room.set_result(None)
