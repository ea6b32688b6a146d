"""Content codings: what each library makes is what its decoder reads."""

import gzip
import sys
import zlib
from collections.abc import Callable

import pytest

from fastloop_http.middleware import coders

brotli = pytest.importorskip("brotli", reason="the extra `compression` is not installed")
zstandard = pytest.importorskip("zstandard", reason="the extra `compression` is not installed")

TEXT = b"Greetings, world! " * 5000
DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}
PARTIAL: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}


@pytest.mark.parametrize("coding", DECODERS)
@pytest.mark.parametrize("pieces", [[], [b""], [TEXT], [TEXT[:10], b"", TEXT[10:]], [b"x"] * 1000])
def test_decoder_reads_what_is_coded(coding: str, pieces: list[bytes]) -> None:
    coder = coders.coder_factory(coding, 4)()
    coded = b"".join([*map(coder.compress, pieces), coder.finish()])
    assert DECODERS[coding](coded) == b"".join(pieces)


@pytest.mark.parametrize("coding", DECODERS)
def test_flushed_piece_can_be_read_before_the_end(coding: str) -> None:
    coder = coders.coder_factory(coding, 4)()
    decode = PARTIAL[coding]()
    for piece in (b"one", b"two", TEXT[:1000]):
        assert decode(coder.compress(piece) + coder.flush()) == piece
    assert decode(coder.finish()) == b""


def test_coders_do_not_share_anything() -> None:
    make = coders.coder_factory("gzip", 6)
    one, other = make(), make()
    begun, other_begun = one.compress(b"one"), other.compress(b"other")
    assert gzip.decompress(other_begun + other.finish()) == b"other"
    assert gzip.decompress(begun + one.finish()) == b"one"


@pytest.mark.parametrize(("coding", "name"), [("br", "brotli"), ("zstd", "zstandard")])
def test_missing_library_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, coding: str, name: str
) -> None:
    monkeypatch.setattr(coders, "has_compression_zstd", lambda: False)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"compression by {coding} needs {name}.*fastloop\[compression\]"):
        coders.coder_factory(coding, 4)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="compression.zstd came with Python 3.14")
def test_python_of_its_own_zstd_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    coder = coders.coder_factory("zstd", 3)()
    assert DECODERS["zstd"](coder.compress(TEXT) + coder.finish()) == TEXT


def test_zstandard_is_used_where_python_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coders, "has_compression_zstd", lambda: False)
    assert coders.is_installed("zstd")
    assert isinstance(coders.coder_factory("zstd", 3)(), coders.ZstandardCoder)
