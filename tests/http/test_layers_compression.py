"""Compression: which responses are compressed, and what then goes over the wire."""

import asyncio
import gzip
import io
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from layered import layered
from served import Answer, Site, request

from fastloop_http import Request, Stream, Upgrade
from fastloop_http.middleware import Compression, compression
from fastloop_http.respond import File, ServerSentEvent, Sse

brotli = pytest.importorskip("brotli", reason="the extra `compression` is not installed")
zstandard = pytest.importorskip("zstandard", reason="the extra `compression` is not installed")

TEXT = "Greetings, world! " * 5000
CONTENT = TEXT.encode()
DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@pytest.fixture
def ask(make_site: Callable[..., Site]) -> Callable[..., Answer]:
    def ask(
        value: Any, accept: str = "gzip", method: str = "GET", fields: str = "", **options: Any
    ) -> Answer:
        """Return the answer to one request; value: what the handler returns, or a function that makes it."""
        make = value if callable(value) else lambda request: value
        site = make_site(layered(make, Compression(**options)))
        lines = f"Accept-Encoding: {accept}\r\nConnection: close\r\n{fields}"
        data = site.exchange(request("/", method, fields=lines))
        head, _, body = data.partition(b"\r\n\r\n")
        status, *headers = head.decode("latin-1").split("\r\n")
        named = dict(line.split(": ", 1) for line in headers)
        if named.get("transfer-encoding") == "chunked" and method != "HEAD":
            body = unchunked(body)
        return Answer(int(status.split()[1]), named, body)

    return ask


def unchunked(body: bytes) -> bytes:
    content = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if size == b"0":
            return content
        content += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]


async def coming() -> AsyncIterator[bytes]:
    for start in range(0, len(CONTENT), 9999):
        await asyncio.sleep(0)
        yield CONTENT[start : start + 9999]


def pieces() -> Iterator[str]:
    for start in range(0, len(TEXT), 9999):
        yield TEXT[start : start + 9999]


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize(
    "make",
    [
        lambda request: TEXT,
        lambda request: CONTENT,
        lambda request: TEXT[:2000],
        lambda request: coming(),
        lambda request: pieces(),
        lambda request: io.BytesIO(CONTENT),
        lambda request: Stream(coming(), content_length=len(CONTENT)),
        lambda request: Stream(pieces()),
    ],
)
def test_body_of_any_kind_is_compressed(ask: Callable[..., Answer], make: Any, coding: str) -> None:
    answer = ask(make, coding)
    assert answer.status == 200
    assert answer.headers["content-encoding"] == coding
    assert answer.headers["vary"] == "accept-encoding"
    assert len(answer.body) < len(CONTENT) // 10
    assert CONTENT.startswith(content := DECODERS[coding](answer.body))
    assert len(content) in (2000, len(CONTENT))
    assert answer.headers.get("content-length", str(len(answer.body))) == str(len(answer.body))


def test_json_is_compressed_and_keeps_its_type(ask: Callable[..., Answer]) -> None:
    answer = ask({"text": TEXT})
    assert answer.headers["content-type"] == "application/json"
    assert gzip.decompress(answer.body) == b'{"text":"' + CONTENT + b'"}'


def test_client_is_given_what_it_likes_best_of_what_is_offered(ask: Callable[..., Answer]) -> None:
    assert ask(TEXT, "gzip, br, zstd").headers["content-encoding"] == "zstd"
    assert ask(TEXT, "gzip, br;q=0.9").headers["content-encoding"] == "gzip"
    assert ask(TEXT, "gzip, br, zstd", codings=["br", "gzip"]).headers["content-encoding"] == "br"
    assert ask(TEXT, "zstd", codings=["gzip"]).body == CONTENT


@pytest.mark.parametrize("accept", ["", "identity", "deflate", "gzip;q=0"])
def test_who_takes_none_of_them_gets_the_body_as_it_is(ask: Callable[..., Answer], accept: str) -> None:
    answer = ask(TEXT, accept)
    assert answer.body == CONTENT
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize(
    "value",
    [
        (200, {"content-type": "image/png"}, CONTENT),
        (200, {"content-type": "Video/mp4"}, CONTENT),
        (200, {"content-type": "application/zip"}, CONTENT),
        (200, {"content-type": "font/woff2"}, CONTENT),
        (200, {"content-type": "text/event-stream"}, CONTENT),
        (200, {"content-encoding": "gzip"}, CONTENT),
        (200, {"cache-control": "public, No-Transform"}, CONTENT),
        (206, {"content-range": "bytes 0-89999/100000"}, CONTENT),
        (200, {}, TEXT[:1023]),
        (200, {}, b""),
        (404, None),
    ],
)
def test_what_would_gain_nothing_is_left_alone(ask: Callable[..., Answer], value: Any) -> None:
    answer = ask(value)
    assert answer.headers.get("content-encoding") == dict(value[1] or {}).get("content-encoding")
    body = value[-1] or b""
    assert answer.body == (body.encode() if isinstance(body, str) else body)
    assert "vary" not in answer.headers


@pytest.mark.parametrize("kind", ["image/svg+xml", "text/csv", "application/wasm", "image/x-icon"])
def test_types_that_gain_are_compressed(ask: Callable[..., Answer], kind: str) -> None:
    assert ask((200, {"content-type": kind}, CONTENT)).headers["content-encoding"] == "gzip"


def test_size_that_is_worth_it_may_be_set(ask: Callable[..., Answer]) -> None:
    assert "content-encoding" in ask("x" * 10, min_size_bytes=10).headers
    assert "content-encoding" not in ask("x" * 9, min_size_bytes=10).headers
    assert "content-encoding" not in ask("", min_size_bytes=0).headers


def test_etag_becomes_weak_and_ranges_are_not_offered(ask: Callable[..., Answer]) -> None:
    headers = {"etag": '"a"', "accept-ranges": "bytes", "vary": "cookie"}
    answer = ask((200, headers, TEXT))
    assert (answer.headers["etag"], answer.headers["vary"]) == ('W/"a"', "cookie, accept-encoding")
    assert "accept-ranges" not in answer.headers
    assert ask((200, {"etag": 'W/"a"'}, TEXT)).headers["etag"] == 'W/"a"'
    assert ask((200, headers, TEXT), "identity").headers["etag"] == '"a"'


def test_not_modified_varies_as_what_it_stands_for(ask: Callable[..., Answer]) -> None:
    answer = ask((304, {"etag": 'W/"a"'}, None))
    assert (answer.status, answer.headers["vary"]) == (304, "accept-encoding")
    assert "content-encoding" not in answer.headers


def test_file_is_compressed_and_its_weak_etag_is_known_again(
    ask: Callable[..., Answer], tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(CONTENT)

    def send(request: Request) -> File:
        return File(path, request=request)

    answer = ask(send)
    assert gzip.decompress(answer.body) == CONTENT
    assert "content-length" not in answer.headers
    etag = answer.headers["etag"]
    assert etag.startswith("W/")
    assert ask(send, fields=f"If-None-Match: {etag}\r\n").status == 304
    part = ask(send, fields="Range: bytes=0-9\r\n")
    assert (part.status, part.body) == (206, CONTENT[:10])
    # Of a compressed one there are no parts: the whole is sent.
    again = ask(send, fields=f"Range: bytes=0-9\r\nIf-Range: {etag}\r\n")
    assert (again.status, gzip.decompress(again.body)) == (200, CONTENT)


@pytest.mark.parametrize("value", [lambda request: TEXT, lambda request: io.BytesIO(CONTENT)])
def test_head_has_the_fields_of_get(ask: Callable[..., Answer], value: Any) -> None:
    get, head = ask(value), ask(value, method="HEAD")
    assert head.body == b""
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}
    assert head.headers["content-encoding"] == "gzip"


def test_trailers_come_behind_the_compressed_body(make_site: Callable[..., Site]) -> None:
    app = layered(lambda _: Stream(coming(), trailers={"x-sum": "7"}), Compression())
    fields = "Accept-Encoding: gzip\r\nConnection: close\r\n"
    assert make_site(app).exchange(request(fields=fields)).endswith(b"\r\n0\r\nx-sum: 7\r\n\r\n")


def test_events_are_sent_as_they_are(ask: Callable[..., Answer]) -> None:
    async def events() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(TEXT)

    answer = ask(lambda _: Sse(events()))
    assert answer.body == b"data: " + CONTENT + b"\n\n"


def test_upgrade_is_left_alone(ask: Callable[..., Answer]) -> None:
    answer = ask(lambda _: Upgrade(asyncio.Protocol, protocol="echo"), fields="Upgrade: echo\r\n")
    assert answer.status in (101, 426)


def test_file_open_for_text_is_an_error(make_site: Callable[..., Site], tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(TEXT)
    with path.open() as file:
        site = make_site(layered(lambda _: (200, file), Compression()))
        answer = site.peer().send(request(fields="Accept-Encoding: gzip\r\n")).answer()
    assert answer.status == 500


def test_only_what_is_installed_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "is_installed", lambda coding: coding == "gzip")
    assert Compression()._codings == ("gzip",)
    monkeypatch.setitem(sys.modules, "brotli", None)
    with pytest.raises(ImportError, match=r"pip install 'fastloop\[compression\]'"):
        Compression(codings=["br"])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"codings": "gzip"}, TypeError),
        ({"codings": []}, ValueError),
        ({"codings": ["gzip", "gzip"]}, ValueError),
        ({"codings": ["deflate"]}, ValueError),
        ({"min_size_bytes": -1}, ValueError),
        ({"gzip_level": 0}, ValueError),
        ({"gzip_level": 10}, ValueError),
        ({"br_quality": 12}, ValueError),
        ({"zstd_level": 20}, ValueError),
        ({"zstd_level": "3"}, ValueError),
    ],
)
def test_malformed_options_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="must be"):
        Compression(**options)
