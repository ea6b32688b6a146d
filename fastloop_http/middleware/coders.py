"""Content codings: gzip, br and zstd, each by its library behind one interface."""

import zlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Protocol

from fastloop_http.middleware.optional import optional_module


class Coder(Protocol):
    """Compresses one body."""

    def compress(self, piece: bytes, /) -> bytes:
        """Take a piece; return what is ready."""
        ...

    def flush(self) -> bytes:
        """Return what the decoder needs to give out all that was taken."""
        ...

    def finish(self) -> bytes:
        """Return the end."""
        ...


class GzipCoder:
    """RFC 1952, by zlib."""

    def __init__(self, level: int) -> None:
        # 16 above the window of 15 bits: with gzip's head and checksum.
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, 31)
        self.compress = self._compressor.compress

    def flush(self) -> bytes:
        """See Coder."""
        return self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        """See Coder."""
        return self._compressor.flush()


class BrotliCoder:
    """RFC 7932, by the library of its authors."""

    def __init__(self, brotli: Any, quality: int) -> None:
        compressor = brotli.Compressor(quality=quality)
        self.compress: Callable[[bytes], bytes] = compressor.process
        self.flush: Callable[[], bytes] = compressor.flush
        self.finish: Callable[[], bytes] = compressor.finish


class ZstdCoder:
    """RFC 8878, by compression.zstd of Python 3.14 and later."""

    def __init__(self, zstd: Any, level: int) -> None:
        self._compressor = zstd.ZstdCompressor(level=level)
        self._block = self._compressor.FLUSH_BLOCK
        self._frame = self._compressor.FLUSH_FRAME
        self.compress: Callable[[bytes], bytes] = self._compressor.compress

    def flush(self) -> bytes:
        """See Coder."""
        return bytes(self._compressor.flush(self._block))

    def finish(self) -> bytes:
        """See Coder."""
        return bytes(self._compressor.flush(self._frame))


class ZstandardCoder:
    """RFC 8878, by the package zstandard."""

    def __init__(self, zstandard: Any, level: int) -> None:
        self._compressor = zstandard.ZstdCompressor(level=level).compressobj()
        self._block = zstandard.COMPRESSOBJ_FLUSH_BLOCK
        self._frame = zstandard.COMPRESSOBJ_FLUSH_FINISH
        self.compress: Callable[[bytes], bytes] = self._compressor.compress

    def flush(self) -> bytes:
        """See Coder."""
        return bytes(self._compressor.flush(self._block))

    def finish(self) -> bytes:
        """See Coder."""
        return bytes(self._compressor.flush(self._frame))


def has_compression_zstd() -> bool:
    """Say whether this Python has compression.zstd."""
    return find_spec("compression") is not None and find_spec("compression.zstd") is not None


def is_installed(coding: str) -> bool:
    """Say whether there is a library for a coding."""
    if coding == "zstd":
        return has_compression_zstd() or find_spec("zstandard") is not None
    return coding == "gzip" or find_spec("brotli") is not None


def coder_factory(coding: str, level: int) -> Callable[[], Coder]:
    """Return what makes coders of a coding; ImportError, with what to install, where there is no library."""
    if coding == "gzip":
        return lambda: GzipCoder(level)
    purpose = f"compression by {coding}"
    if coding == "br":
        brotli = optional_module("brotli", "compression", purpose)
        return lambda: BrotliCoder(brotli, level)
    if has_compression_zstd():
        zstd = optional_module("compression.zstd", "compression", purpose)
        return lambda: ZstdCoder(zstd, level)
    zstandard = optional_module("zstandard", "compression", purpose)
    return lambda: ZstandardCoder(zstandard, level)
