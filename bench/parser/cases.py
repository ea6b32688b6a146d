"""What is parsed, and by whom. Each contender returns CPU time for one message, in nanoseconds."""

import importlib.machinery
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import fastloop_http
from bench.e2e.build import Missing, parser_loops

OURS = "fastloop"
PEER = "httptools"

HEAD_40 = b"GET / HTTP/1.1\r\nHost: ab.example.com\r\n\r\n"
# The browser's request that picohttpparser is measured by.
HEAD_703 = (
    b"GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n"
    b"Host: www.kittyhell.com\r\n"
    b"User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401 "
    b"Firefox/3.6.3 Pathtraq/0.9\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n"
    b"Accept-Encoding: gzip,deflate\r\n"
    b"Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n"
    b"Keep-Alive: 115\r\n"
    b"Connection: keep-alive\r\n"
    b"Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; "
    b"__utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; "
    b"__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/reader/|utmcmd=referral"
    b"\r\n\r\n"
)
KIB = 1024
CONTENT_BYTES = 64 * KIB
CHUNKED_64K = (b"400\r\n" + b"x" * KIB + b"\r\n") * 64 + b"0\r\n\r\n"
# What might make a parser look twice at what it has seen: a long name, spaces, many lines, empty elements.
WORST_UNITS = (b"_", b"a", b"a:\r\n", b"a: \t", b"a:" + b" " * 60, b"a: b\r\n", b"Connection:,,,,,\r\n")
WORST_HEADS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n" + unit * (64 * KIB // len(unit)) for unit in WORST_UNITS
]

Timer = Callable[[], float]


class Callbacks:
    """The protocol of a server that keeps what it is told, for parsers with the interface of httptools."""

    def on_message_begin(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        pass

    def on_message_complete(self) -> None:
        self.complete = True


def face(parser_class: Any, data: bytes, fields: int, times: int) -> Timer:
    """Feed whole requests to one parser, which calls back into Python."""
    callbacks = Callbacks()
    parser = parser_class(callbacks)

    def timed() -> float:
        callbacks.complete = False
        began = time.thread_time_ns()
        for _ in range(times):
            parser.feed_data(data)
        spent = (time.thread_time_ns() - began) / times
        if not callbacks.complete or len(callbacks.headers) != fields:
            raise RuntimeError(f"of {fields} fields, {len(callbacks.headers)} came")
        return spent

    return timed


def _loops() -> ModuleType:
    path = str(parser_loops())
    loader = importlib.machinery.ExtensionFileLoader("parser_loops", path)
    spec = importlib.util.spec_from_file_location("parser_loops", path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _head(data: bytes, times: int) -> Callable[[], dict[str, Timer]]:
    def contenders() -> dict[str, Timer]:
        loops = _loops()
        return {OURS: lambda: loops.head_ns(data, times)}

    return contenders


def _worst() -> dict[str, Timer]:
    loops = _loops()
    return {OURS: lambda: max(loops.bytewise_ns(head) for head in WORST_HEADS)}


def _chunked() -> dict[str, Timer]:
    loops = _loops()
    return {OURS: lambda: loops.chunked_ns(CHUNKED_64K, CONTENT_BYTES, 200)}


def _faces(data: bytes, fields: int, times: int) -> Callable[[], dict[str, Timer]]:
    def contenders() -> dict[str, Timer]:
        try:
            import httptools
        except ImportError:
            raise Missing("httptools is not installed; pip install httptools") from None
        return {
            OURS: face(fastloop_http.HttpRequestParser, data, fields, times),
            PEER: face(httptools.HttpRequestParser, data, fields, times),
        }

    return contenders


@dataclass(frozen=True)
class Case:
    """A message; `contenders` raises Missing where this machine or build cannot have them."""

    name: str
    title: str
    unit: Literal["ns", "ms", "GB/s"]  # as it is shown; recorded are nanoseconds
    contenders: Callable[[], dict[str, Timer]]
    content_bytes: int = 0  # of a body, for GB/s


CASES = {
    case.name: case
    for case in (
        Case("head40", "a head of 40 bytes", "ns", _head(HEAD_40, 20_000)),
        Case("head703", "a browser's head of 703 bytes", "ns", _head(HEAD_703, 5_000)),
        Case("worst64k", "64 KiB of the worst head, byte by byte", "ms", _worst),
        Case("chunked64k", "a chunked body of 64 KiB in chunks of 1 KiB", "GB/s", _chunked, CONTENT_BYTES),
        Case("face40", "the head of 40 bytes, with callbacks in Python", "ns", _faces(HEAD_40, 1, 5_000)),
        Case("face703", "the head of 703 bytes, with callbacks in Python", "ns", _faces(HEAD_703, 9, 2_000)),
    )
}
