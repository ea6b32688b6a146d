"""Bodies that are compressed: whole, or as they come."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from fastloop_http.middleware.coders import Coder

if TYPE_CHECKING:
    from fastloop_http._h1.streamed import Piece

Pieces: TypeAlias = "Iterable[Piece] | AsyncIterable[Piece] | BinaryIO"

# Bytes of a file that are read, and compressed, at once.
FILE_PIECE = 64 * 1024

# To compress more would hold up everybody else on the loop: another thread does it.
COMPRESSED_IN_PLACE = 32 * 1024


class CompressedBody:
    """The compressed pieces of a body; iterated over once.

    Of an async iterable each piece goes out at once, for its client may wait for it. length: how many bytes
    the body has to have, None where that is not known.
    """

    def __init__(self, pieces: Pieces, coder: Coder, length: int | None) -> None:
        self._pieces = pieces
        self._coder = coder
        self._length = length

    def close(self) -> None:
        """Close what is not going to be sent."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        if isinstance(self._pieces, io.IOBase):
            return self._of_file()
        return self._of_async() if hasattr(type(self._pieces), "__aiter__") else self._of_iterable()

    async def _of_file(self) -> AsyncGenerator[bytes, None]:
        file = self._pieces
        assert isinstance(file, io.IOBase)
        read: Callable[[int], bytes] = file.read
        left = self._length
        try:
            while left != 0:
                piece = bytes(read(FILE_PIECE if left is None else min(FILE_PIECE, left)))
                if not piece:
                    break
                if left is not None:
                    left -= len(piece)
                # In another thread; not so the reading, which would go on in a file closed meanwhile.
                compressed = await self._compress(piece)
                if compressed:
                    yield compressed
            if left:
                raise ValueError(f"{file!r} has become shorter: {left} bytes of it are gone")
            yield self._coder.finish()
        finally:
            file.close()

    async def _of_iterable(self) -> AsyncGenerator[bytes, None]:
        assert isinstance(self._pieces, Iterable)
        pieces = iter(self._pieces)
        taken = 0
        try:
            for piece in pieces:
                content = bytes_of(piece)
                taken += len(content)
                compressed = await self._compress(content)
                if compressed:
                    yield compressed
            self._check(taken)
            yield self._coder.finish()
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    async def _of_async(self) -> AsyncGenerator[bytes, None]:
        assert isinstance(self._pieces, AsyncIterable)
        pieces = aiter(self._pieces)
        taken = 0
        try:
            async for piece in pieces:
                content = bytes_of(piece)
                if content:
                    taken += len(content)
                    yield await self._compress(content) + self._coder.flush()
            self._check(taken)
            yield self._coder.finish()
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()

    async def _compress(self, content: bytes) -> bytes:
        if len(content) <= COMPRESSED_IN_PLACE:
            return self._coder.compress(content)
        return await asyncio.get_running_loop().run_in_executor(None, self._coder.compress, content)

    def _check(self, taken: int) -> None:
        """Raise ValueError for a body of another length than it said: its client sees that it is cut."""
        if self._length is not None and taken != self._length:
            raise ValueError(f"a streamed answer has {taken} bytes, and content_length {self._length}")


async def compress_whole(content: bytes, coder: Coder) -> bytes:
    """Return content, compressed."""
    if len(content) <= COMPRESSED_IN_PLACE:
        return coder.compress(content) + coder.finish()
    return await asyncio.get_running_loop().run_in_executor(
        None, lambda: coder.compress(content) + coder.finish()
    )


def bytes_of(piece: "Piece") -> bytes:
    """Return a piece as bytes; TypeError for what is none."""
    if isinstance(piece, str):
        return piece.encode()
    if not isinstance(piece, (bytes, bytearray, memoryview)):
        raise TypeError(f"a streamed answer is of bytes-like objects and str, not {type(piece).__name__}")
    return bytes(piece)
