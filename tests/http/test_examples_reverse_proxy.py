"""reverse_proxy: in front of a server of ours, and of one that breaks the rules."""

import asyncio
import gzip
import hashlib
import json
import os
import socket
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
            .route("/cookies", get(lambda: Response(headers=[("set-cookie", "a=1"), ("set-cookie", "b=2")])))
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
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def site(upstream: Upstream, make_site: Callable[..., Site]) -> Site:
    """Serve upstream."""
    # For a client that has ended its side only; the proxy has gone when it does.
    return make_site(upstream.router, half_close_timeout_s=0.2)


@pytest.fixture
def proxy(site: Site) -> Iterator[Example]:
    with example("reverse_proxy", f"http://127.0.0.1:{site.port}") as running:
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
    target = "/a%2Fb/%C3%A9/..%2F?q=%20+&q=%26"
    asked = told(proxy, target, "-X", method, "-H", "X-Test: yes", "--data", "a=b")
    assert (asked["method"], asked["target"], asked["body"]) == (method, target, "a=b")
    assert asked["headers"]["x-test"] == "yes"
    assert asked["headers"]["content-type"] == "application/x-www-form-urlencoded"


def test_target_is_passed_on_as_it_is_spelled(proxy: Example) -> None:
    # Not by curl, which has spellings of its own.
    with Peer(proxy.port) as peer:
        answer = peer.send(request("/%2f%2F/%7E/a//b?%5b=%5B")).answer()
    assert json.loads(answer.body)["target"] == "/%2f%2F/%7E/a//b?%5b=%5B"


def test_fields_of_one_connection_are_not_passed_on(proxy: Example, site: Site) -> None:
    fields = "Connection: x-secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
    with Peer(proxy.port) as peer:
        answer = peer.send(request("/", fields=fields + "X-Forwarded-For: 192.0.2.1\r\n")).answer()
    headers = json.loads(answer.body)["headers"]
    assert headers == [
        ["host", f"127.0.0.1:{site.port}"],
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
        assert peer.send(request("/cookies", fields="Connection: close\r\n")).rest().count(b"set-cookie") == 2


def test_cookies_are_of_who_got_them(proxy: Example) -> None:
    proxy.curl("/cookies")
    assert "cookie" not in told(proxy, "/")["headers"]
    assert told(proxy, "/", "-H", "Cookie: mine=1")["headers"]["cookie"] == "mine=1"


def test_absolute_target_leads_to_upstream_all_the_same(proxy: Example) -> None:
    assert told(proxy, "/", "--request-target", "http://evil.example/a?b=c")["target"] == "/a?b=c"


def test_answer_is_passed_on_as_it_comes(proxy: Example) -> None:
    with Peer(proxy.port) as peer:
        received(peer.send(request("/ticks")), b"first\n")
        assert proxy.ask("/go_on", None, "-X", "POST")[0] == 200
        received(peer, b"last\n")


def received(peer: Peer, text: bytes) -> None:
    """Receive up to and with text."""
    seen = b""
    while not seen.endswith(text):
        seen += peer.take(1)


def test_client_that_leaves_ends_the_answer_of_upstream(proxy: Example, upstream: Upstream) -> None:
    with Peer(proxy.port) as peer:
        received(peer.send(request("/ticks")), b"first\n")
        peer.reset()
    assert eventually(upstream.left.is_set)


def test_body_is_passed_on_as_it_comes(proxy: Example, upstream: Upstream) -> None:
    with Peer(proxy.port) as peer:
        peer.send(b"POST /sum HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert eventually(lambda: upstream.pieces)
        answer = peer.send(b"4\r\nlast\r\n0\r\n\r\n").answer()
    assert json.loads(answer.body) == {"sha256": hashlib.sha256(b"firstlast").hexdigest()}


def test_upload_of_20_mb_is_passed_on(proxy: Example, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(20_000_000))
    status, answer = proxy.ask("/sum", None, "--data-binary", f"@{large}")
    assert (status, answer) == (200, {"sha256": hashlib.sha256(large.read_bytes()).hexdigest()})


def test_answer_that_breaks_off_is_not_taken_for_whole(site: Site) -> None:
    # The log says which.
    with example("reverse_proxy", f"http://127.0.0.1:{site.port}", logs=True) as proxy:
        with Peer(proxy.port) as peer:
            received(peer.send(request("/cut")), b"first\n\r\n")
            with pytest.raises(ConnectionResetError):
                peer.rest()
        assert proxy.curl("/unchanged").status == 304
    assert "GET /cut" in proxy.log


def test_upstream_that_is_not_there_is_502() -> None:
    with example("reverse_proxy", f"http://127.0.0.1:{free_port()}") as proxy:
        assert proxy.ask("/") == (502, b"")
        assert proxy.ask("/", None, "--data-binary", "body") == (502, b"")


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 200 OK\r\nA"])
def test_upstream_that_speaks_something_else_is_502(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        with (
            example("reverse_proxy", f"http://127.0.0.1:{server.getsockname()[1]}") as proxy,
            Peer(proxy.port) as peer,
        ):
            peer.send(request())
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
            server.close()
            assert peer.answer().status == 502
