"""Multipart: a form of multipart/form-data (RFC 7578), part by part as it comes.

The bytes are taken apart by the library `multipart`, which `fastloop[multipart]` installs.
"""

import asyncio
import contextlib
import functools
import math
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Annotated, Any, BinaryIO, Self, TypeAlias

from fastloop_http._h1.request import Request
from fastloop_http.errors import MultipartRejection, excerpt
from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.stored_parts import StoredPart, StoredParts, decoded
from fastloop_http.extract.typed import plain

MEDIA_TYPE = "multipart/form-data"
LONGEST_BOUNDARY = 70  # RFC 2046 section 5.1.1

MAX_PARTS = 1000
MAX_READ_BYTES = 2 << 20
WRITE_BYTES = 256 << 10  # given to a thread at once

END = object()  # of all parts, where the library has None for the end of one


@functools.cache
def library() -> Any:
    """Return the library, or None."""
    try:
        import multipart
    except ImportError:
        return None
    # Another distribution has had a module of this name.
    return multipart if hasattr(multipart, "PushMultipartParser") else None


class Part:
    """One part of a form, to be read once, before the next one is asked for.

    name: of the field. filename: as the client has it, None where it is no file; not fit to be a path.
    content_type: in lower case, without parameters, or None. headers: (name in lower case, value) each.
    """

    def __init__(self, form: "MultipartForm", segment: Any) -> None:
        self.name: str = segment.name
        self.filename: str | None = segment.filename
        self.content_type: str | None = segment.content_type
        self.headers: list[tuple[str, str]] = [(name.lower(), value) for name, value in segment.headerlist]
        self._charset: str | None = segment.charset
        self._form = form

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the content as it comes, in pieces of bytes that are never empty."""
        while True:
            if self._form._part is not self:
                raise RuntimeError(f"part {self.name!r} is over; read it before the next one, and once")
            piece = await self._form._next_event()
            if piece is None:
                self._form._part = None
                return
            yield bytes(piece)

    async def read(self, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """Return the whole content; MultipartRejection of status 413 where it has more than max_bytes."""
        pieces = []
        size = 0
        async for piece in self.stream():
            size += len(piece)
            if size > max_bytes:
                raise too_large(self.name, max_bytes)
            pieces.append(piece)
        return b"".join(pieces)

    async def text(self, max_bytes: int = MAX_READ_BYTES) -> str:
        """Return the content as text, UTF-8 or as its Content-Type says.

        MultipartRejection of status 413 as of `read`, 400 where it is no such text.
        """
        return decoded(await self.read(max_bytes), self._charset, self.name)

    async def save(self, path: str | os.PathLike[str], max_bytes: int | None = None) -> int:
        """Write the content to a file, in a thread; return its size in bytes.

        The file is made new, or else emptied. Where the content does not come whole, or has more than
        max_bytes (413), it is removed.
        """
        loop = asyncio.get_running_loop()
        # Cancelled or not, the thread makes the file: it is waited for before the file can be removed.
        opening = loop.run_in_executor(None, lambda: open(path, "wb"))  # noqa: SIM115
        try:
            file = await asyncio.shield(opening)
            return await self._copy(file, math.inf if max_bytes is None else max_bytes)
        except BaseException:
            await opening
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        finally:
            await loop.run_in_executor(None, (await opening).close)

    async def _copy(self, file: BinaryIO, max_bytes: float) -> int:
        loop = asyncio.get_running_loop()
        size, waiting = 0, bytearray()
        async for piece in self.stream():
            size += len(piece)
            if size > max_bytes:
                raise too_large(self.name, max_bytes)
            waiting += piece
            if len(waiting) >= WRITE_BYTES:
                await loop.run_in_executor(None, file.write, bytes(waiting))
                waiting.clear()
        await loop.run_in_executor(None, file.write, bytes(waiting))
        return size

    async def _store(self, max_memory_bytes: int, max_bytes: float) -> StoredPart:
        stored = StoredPart(
            self.name, self.filename, self.content_type, self.headers, self._charset, max_memory_bytes
        )
        try:
            async for piece in self.stream():
                if stored.size + len(piece) > max_bytes:
                    raise too_large(self.name, max_bytes)
                await stored.write(piece)
        except BaseException:
            stored.close()
            raise
        stored.file.seek(0)
        return stored

    def __repr__(self) -> str:
        return f"<Part {self.name!r} {self.content_type}>"


class MultipartForm:
    """A form of multipart/form-data: `async for part in form`, in the order in which the client sends them.

    A part that is not read is skipped. What is malformed raises MultipartRejection of status 400, as the part
    is read or the next is asked for, what is too large 413; left alone, that is the answer.
    """

    def __init__(
        self, stream: AsyncIterator[bytes], boundary: str, max_parts: float, max_bytes: float
    ) -> None:
        self._stream = stream
        self._parser = library().PushMultipartParser(boundary, max_segment_count=max_parts)
        self._max_bytes = max_bytes
        self._received = 0  # bytes
        self._events: Iterator[Any] = iter(())
        self._part: Part | None = None
        self._stored: list[StoredParts] = []

    async def _next_event(self) -> Any:
        """Return the beginning of a part, a piece of it, None at its end; END behind the last."""
        try:
            while True:
                event = next(self._events, END)
                if event is not END:
                    return event
                if self._parser.closed:
                    return END
                piece = await anext(self._stream, b"")
                if not piece:
                    self._parser.close()
                    return END
                self._received += len(piece)
                if self._received > self._max_bytes:
                    raise MultipartRejection(f"form too large: limit {self._max_bytes} bytes", status=413)
                self._events = self._parser.parse(piece)
        except library().ParserLimitReached as error:
            raise MultipartRejection(f"form too large: {error}", status=413) from None
        except library().MultipartError as error:
            raise MultipartRejection(f"malformed form: {error}", status=400) from None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Part:
        if self._part is not None:
            async for _ in self._part.stream():
                pass
        segment = await self._next_event()
        if segment is END:
            raise StopAsyncIteration
        self._part = Part(self, segment)
        return self._part

    async def field(self, name: str) -> Part:
        """Return the next part of this name, skipping others; MultipartRejection of 400 without one."""
        async for part in self:
            if part.name == name:
                return part
        raise MultipartRejection(f"form field {excerpt(name)!r} is missing", status=400)

    async def parse(
        self,
        *,
        memory_bytes: int = 64 << 10,
        max_parts: int = 128,
        max_part_bytes: int = 64 << 20,
        max_bytes: int = 128 << 20,
    ) -> StoredParts:
        """Return all parts by name, once the whole form is there.

        A part of more than memory_bytes is kept in a temporary file, which is closed, and gone, when the
        handler has ended. MultipartRejection of status 413 for more parts than max_parts, or content of more
        than max_part_bytes in one and max_bytes in all.
        """
        parts = StoredParts()
        self._stored.append(parts)
        size = 0
        async for part in self:
            if len(parts.all) == max_parts:
                raise MultipartRejection(f"form too large: more than {max_parts} parts", status=413)
            stored = await part._store(memory_bytes, min(max_part_bytes, max_bytes - size))
            size += stored.size
            parts.all.append(stored)
        return parts

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for parts in self._stored:
            parts.close()


def too_large(name: str, max_bytes: float) -> MultipartRejection:
    """Return the rejection for a part that is larger than may be."""
    return MultipartRejection(f"form field {excerpt(name)!r} has more than {max_bytes} bytes", status=413)


class FromMultipart(Extractor):
    """Take a form of multipart/form-data, of max_parts and max_bytes at most; None is no limit.

    Optional, it is None where the request has no Content-Type.
    """

    def __init__(self, *, max_parts: int | None = MAX_PARTS, max_bytes: int | None = None) -> None:
        self.max_parts: float = math.inf if max_parts is None else max_parts
        self.max_bytes: float = math.inf if max_bytes is None else max_bytes

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        if plain(parameter.type) is not MultipartForm:
            parameter.refuse("takes a form part by part, which is a MultipartForm; take Form for other types")
        if library() is None:
            parameter.refuse("takes a Multipart, for which a library lacks: pip install fastloop[multipart]")
        may_miss, missing = parameter.may_miss, parameter.missing
        max_parts, max_bytes = self.max_parts, self.max_bytes

        def call(request: Request) -> AbstractAsyncContextManager[Any]:
            if may_miss and request.headers.get("content-type") is None:
                return nullcontext(missing)
            return MultipartForm(request.stream(), boundary_of(request), max_parts, max_bytes)

        return Source(call=call, arguments=("request",), awaited=True, entered=True, reads_body=True)


def boundary_of(request: Request) -> str:
    """Return what the parts are told apart by; MultipartRejection of status 400 without it."""
    media_type, options = library().parse_options_header(request.headers.get("content-type", ""))
    if media_type != MEDIA_TYPE:
        raise MultipartRejection(f"a form with parts has Content-Type: {MEDIA_TYPE}", status=400)
    boundary: str = options.get("boundary", "")
    if not 1 <= len(boundary) <= LONGEST_BOUNDARY or not (boundary.isascii() and boundary.isprintable()):
        raise MultipartRejection(
            f"Content-Type: {MEDIA_TYPE} needs a boundary of 1 to {LONGEST_BOUNDARY} characters", status=400
        )
    return boundary


Multipart: TypeAlias = Annotated[MultipartForm, FromMultipart()]
