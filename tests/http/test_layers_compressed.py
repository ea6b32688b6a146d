"""Bodies that are compressed: whole, or as they come."""

import asyncio
import gzip
import io
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from fastloop_http.middleware.coders import GzipCoder
from fastloop_http.middleware.compressed import CompressedBody, bytes_of, compress_whole

BIG = bytes(range(256)) * 1024


async def collected(body: Any) -> list[bytes]:
    return [piece async for piece in body]


def sent(pieces: Any, length: int | None = None) -> list[bytes]:
    """Return the compressed pieces of a body."""
    return asyncio.run(collected(CompressedBody(pieces, GzipCoder(6), length)))


async def coming(*pieces: Any) -> AsyncIterator[Any]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("content", [b"", b"text", BIG])
def test_whole_body_is_compressed(content: bytes) -> None:
    coded = asyncio.run(compress_whole(content, GzipCoder(6)))
    assert gzip.decompress(coded) == content


@pytest.mark.parametrize("length", [None, len(BIG) + 3])
def test_pieces_of_any_kind_are_compressed(length: int | None) -> None:
    pieces = [b"a", bytearray(b"b"), "c", BIG, memoryview(b""), b""]
    for body in (iter(pieces), coming(*pieces), pieces):
        assert gzip.decompress(b"".join(sent(body, length))) == b"abc" + BIG


def test_each_piece_of_an_async_iterator_can_be_read_as_it_comes() -> None:
    decoder = zlib.decompressobj(31)
    assert [decoder.decompress(piece) for piece in sent(coming(b"one", b"", b"two"))] == [b"one", b"two", b""]


def test_pieces_of_an_iterator_are_gathered() -> None:
    assert len(sent(iter([b"tiny"] * 100))) <= 2  # the head of gzip, and all the rest


@pytest.mark.parametrize("length", [None, len(BIG)])
def test_file_is_compressed_and_closed(tmp_path: Path, length: int | None) -> None:
    path = tmp_path / "big"
    path.write_bytes(BIG)
    for file in (path.open("rb"), path.open("rb", buffering=0), io.BytesIO(BIG)):
        assert gzip.decompress(b"".join(sent(file, length))) == BIG
        assert file.closed


def test_file_is_taken_from_its_position_and_as_far_as_said(tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(BIG)
    file = path.open("rb")
    file.seek(10)
    assert gzip.decompress(b"".join(sent(file, 100_000))) == BIG[10:100_010]


def test_body_of_another_length_than_it_said_is_an_error() -> None:
    for body in (iter([b"four"]), coming(b"four")):
        with pytest.raises(ValueError, match="has 4 bytes, and content_length 5"):
            sent(body, 5)
    file = io.BytesIO(b"four")
    with pytest.raises(ValueError, match="1 bytes of it are gone"):
        sent(file, 5)
    assert file.closed


def test_iterator_is_closed_when_nobody_asks_for_more() -> None:
    ends = []

    async def asynchronous() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            ends.append("async")

    def plain() -> Iterator[bytes]:
        try:
            while True:
                yield BIG
        finally:
            ends.append("plain")

    async def main() -> None:
        for body in (asynchronous(), plain()):
            pieces = aiter(CompressedBody(body, GzipCoder(6), None))
            await anext(pieces)
            await pieces.aclose()

    asyncio.run(main())
    assert ends == ["async", "plain"]


def test_what_is_not_sent_is_closed() -> None:
    file = io.BytesIO(BIG)
    CompressedBody(file, GzipCoder(6), None).close()
    assert file.closed
    CompressedBody([b"x"], GzipCoder(6), None).close()


def test_piece_that_is_no_bytes_is_refused() -> None:
    assert bytes_of("ü") == b"\xc3\xbc"
    with pytest.raises(TypeError, match="bytes-like objects and str, not int"):
        sent(iter([7]))
