"""reverse_proxy: in front of a server of ours, and of one that breaks the rules."""

import asyncio
import contextlib
import gzip
import hashlib
import json
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from served import PATIENCE, Peer, Site, eventually, free_port, request
from shown import Example, example

from fastloop_http import Request, Response, Router, Stream, get, post

ZIPPED = gzip.compress(b"zipped " * 1000)


class Upstream:
    """What is behind the proxy."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.go_on = asyncio.Event()
        self.pieces = 0
        self.router = (
            Router()
            .route("/go_on", post(self.go_on.set))
            .route("/ticks", get(self.ticks))
            .route("/sum", post(self.sum))
            .route("/cut", get(self.cut))
            .route("/zipped", get(lambda: (200, {"content-encoding": "gzip"}, ZIPPED)))
            .route("/cookie", get(lambda: Response("", headers=[("set-cookie", "a=1"), ("set-cookie", "b=2")])))
            .route("/away", get(lambda: (302, {"location": "/elsewhere"}, b"")))
            .route("/unchanged", get(lambda: 304))
            .fallback(self.tell)
        )

    async def tell(self, request: Request) -> dict[str, object]:
        return {
            "method": request.method,
            "target": request.target,
            "headers": request.headers.items(),
            "body": (await request.body()).decode(),
        }

    def ticks(self) -> Stream:
        async def pieces() -> AsyncIterator[str]:
            try:
                yield "first\n"
                await self.go_on.wait()
                yield "last\n"
            finally:
                self.left.set()

        return Stream(pieces())

    async def sum(self, request: Request) -> dict[str, object]:
        seen = hashlib.sha256()
        async for piece in request.stream():
            self.pieces += 1
            seen.update(piece)
        return {"sha256": seen.hexdigest()}

    def cut(self) -> Stream:
        def pieces() -> Iterator[str]:
            yield "first\n"
            raise ConnectionAbortedError

        return Stream(pieces())


@pytest.fixture
def upstream(make_site: Callable[..., Site]) -> Iterator[tuple[Upstream, Site]]:
    upstream = Upstream()
    yield upstream, make_site(upstream.router)


@pytest.fixture
def proxy(upstream: tuple[Upstream, Site]) -> Iterator[Example]:
    with example("reverse_proxy", f"http://127.0.0.1:{upstream[1].port}") as running:
        yield running


def told(proxy: Example, path: str, *arguments: str) -> dict[str, Any]:
    """Return what upstream was asked."""
    status, asked = proxy.ask(path, None, *arguments)
    assert status == 200
    asked["headers"] = dict(asked["headers"])
    return dict(asked)


def test_documented_request_is_passed_on(proxy: Example) -> None:
    (answer,) = proxy.ask_as_documented()
    assert json.loads(answer.body)["target"] == "/"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PURGE"])
def test_request_is_passed_on_as_it_is(proxy: Example, method: str) -> None:
    target = "/a%2Fb/%C3%A9/..%2f?q=%20+&q=%26"
    asked = told(proxy, target, "-X", method, "-H", "X-Test: yes", "--data", "a=b")
    assert (asked["method"], asked["target"], asked["body"]) == (method, target, "a=b")
    assert asked["headers"]["x-test"] == "yes"
    assert asked["headers"]["content-type"] == "application/x-www-form-urlencoded"


def test_fields_of_one_connection_are_not_passed_on(proxy: Example, upstream: tuple[Upstream, Site]) -> None:
    fields = "Connection: x-secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
    with Peer(proxy.port) as peer:
        answer = peer.send(request("/", fields=fields + "X-Forwarded-For: 192.0.2.1\r\n")).answer()
    headers = json.loads(answer.body)["headers"]
    assert headers == [
        ["host", f"127.0.0.1:{upstream[1].port}"],
        ["x-forwarded-for", "192.0.2.1"],
        ["x-forwarded-for", "127.0.0.1"],
    ]


def test_answer_is_passed_on_as_it_is(proxy: Example) -> None:
    assert proxy.curl("/zipped").body == ZIPPED
    away = proxy.curl("/away")
    assert (away.status, away.headers["location"]) == (302, "/elsewhere")
    assert proxy.curl("/unchanged").status == 304
    head = proxy.curl("/zipped", "--head")
    assert (head.status, head.headers["content-length"]) == (200, str(len(ZIPPED)))
    with Peer(proxy.port) as peer:
        assert peer.send(request("/cookie", fields="Connection: close\r\n")).rest().count(b"set-cookie") == 2


def test_cookies_are_of_who_got_them(proxy: Example) -> None:
    proxy.curl("/cookie")
    assert "cookie" not in told(proxy, "/")["headers"]
    assert told(proxy, "/", "-H", "Cookie: mine=1")["headers"]["cookie"] == "mine=1"


def test_answer_is_passed_on_as_it_comes(proxy: Example, upstream: tuple[Upstream, Site]) -> None:
    with Peer(proxy.port) as peer:
        peer.send(request("/ticks"))
        head = b""
        while b"first\n" not in head:
            head += peer.take(1)
        assert proxy.ask("/go_on", None, "-X", "POST")[0] == 200
        assert b"last\n" in peer.take(len(b"\r\n5\r\nlast\n\r\n"))


def test_client_that_leaves_ends_the_answer_of_upstream(
    proxy: Example, upstream: tuple[Upstream, Site]
) -> None:
    with Peer(proxy.port) as peer:
        peer.send(request("/ticks"))
        while b"first" not in peer.take(1) + peer.take(1):
            break
        peer.reset()
    assert eventually(upstream[0].left.is_set)


def test_body_is_passed_on_as_it_comes(proxy: Example, upstream: tuple[Upstream, Site]) -> None:
    with Peer(proxy.port) as peer:
        peer.send(b"POST /sum HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert eventually(lambda: upstream[0].pieces)
        answer = peer.send(b"4\r\nlast\r\n0\r\n\r\n").answer
        assert hashlib.sha256(b"firstlast").hexdigest().encode() in peer.send(
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        ).rest()
    del answer


def test_upload_of_20_mb_is_passed_on(proxy: Example, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(20_000_000))
    status, answer = proxy.ask("/sum", None, "--data-binary", f"@{large}")
    assert (status, answer) == (200, {"sha256": hashlib.sha256(large.read_bytes()).hexdigest()})


def test_answer_that_breaks_off_is_not_taken_for_whole(
    proxy: Example, upstream: tuple[Upstream, Site]
) -> None:
    with Peer(proxy.port) as peer:
        answer = peer.send(request("/cut")).rest()
    assert b"first" in answer
    assert not answer.endswith(b"0\r\n\r\n")
