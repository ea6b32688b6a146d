"""What the connections of a server share, and how they end together."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from served import Site, eventually, request

from fastloop_http import Request, Router, get, post

MakeSite = Callable[..., Site]


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


@pytest.fixture
def site(make_site: MakeSite, gate: threading.Event) -> Site:
    async def held() -> str:
        await asyncio.to_thread(gate.wait, 20)
        return "held"

    async def echo(request: Request) -> bytes:
        return await request.body()

    return make_site(
        Router().route("/", get(lambda: "root")).route("/held", get(held)).route("/echo", post(echo))
    )


def drain(site: Site) -> "asyncio.Future[None]":
    async def begin() -> "asyncio.Future[None]":
        return site.loop.service.drain()

    return site.call(begin)


def test_new_connection_has_a_moment_for_its_first_request(site: Site) -> None:
    peer, silent = site.peer(), site.peer()
    assert eventually(lambda: site.connections() == 2)
    drained = drain(site)
    time.sleep(0.1)
    answer = peer.send(request()).answer()
    assert (answer.body, answer.headers["connection"]) == (b"root", "close")
    assert peer.rest() == silent.rest() == b""
    assert eventually(drained.done)


def test_idle_connections_are_closed(site: Site, gate: threading.Event) -> None:
    peers = [site.peer() for _ in range(5)]
    for peer in peers[1:]:
        assert peer.send(request()).answer().body == b"root"
    drained = drain(site)
    for peer in peers:
        assert peer.rest() == b""
    assert eventually(drained.done)
    assert site.connections() == 0


def test_requests_that_have_begun_are_answered_and_their_connections_closed(
    site: Site, gate: threading.Event
) -> None:
    held = site.peer().send(request("/held"))
    head = site.peer().send(request()[:10])
    body = site.peer().send(request("/echo", "POST", b"body")[:-1])
    assert eventually(lambda: site.connections() == 3)
    time.sleep(0.05)
    drained = drain(site)
    time.sleep(0.05)
    assert not drained.done()
    gate.set()
    head.send(request()[10:])
    body.send(b"y")
    for peer, expected in ((held, b"held"), (head, b"root"), (body, b"body")):
        answer = peer.answer()
        assert (answer.body, answer.headers["connection"]) == (expected, "close")
        assert peer.rest() == b""
        peer.close()
    assert eventually(drained.done)


@pytest.mark.parametrize(
    "behind",
    [
        [request()],
        [request() + request() + request("/echo", "POST", b"root")],
        [request()[:10], request()[10:]],
        [request() + request("/echo", "POST", b"root")[:-2], b"ot"],
        [request("/held") + request()],
    ],
    ids=["one", "three", "a piece of one", "a body that is not complete", "one that waits"],
)
def test_requests_behind_the_one_being_answered_are_answered(
    site: Site, gate: threading.Event, behind: list[bytes]
) -> None:
    peer = site.peer().send(request("/held") + behind[0])
    assert eventually(lambda: site.connections() == 1)
    time.sleep(0.05)
    drained = drain(site)
    gate.set()
    for more in behind[1:]:
        time.sleep(0.05)
        peer.send(more)
    answers = [peer.answer() for _ in range(1 + b"".join(behind).count(b"HTTP/1.1"))]
    assert {answer.body for answer in answers} <= {b"held", b"root"}
    assert [answer.headers.get("connection") for answer in answers] == [None] * (len(answers) - 1) + ["close"]
    assert peer.rest() == b""
    peer.close()
    assert eventually(drained.done)


def test_draining_twice_is_draining_once(site: Site) -> None:
    assert drain(site) is drain(site)
    assert eventually(drain(site).done)


def test_aborting_ends_everything_at_once(site: Site, gate: threading.Event) -> None:
    peers = [site.peer(), site.peer().send(request("/held"))]
    assert eventually(lambda: site.connections() == 2)
    drained = drain(site)
    site.loop.call_soon_threadsafe(site.loop.service.abort)
    for peer in peers:
        assert peer.rest() == b""
    assert eventually(drained.done)
    gate.set()
