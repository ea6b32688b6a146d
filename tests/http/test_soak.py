"""Thousands of connections, opened and dropped in every manner: the server keeps nothing of them."""

import asyncio
import gc
import os
from collections import Counter
from collections.abc import Callable

import pytest
from served import Peer, Site, eventually, request

from fastloop_http import Request, Router, get, post

MakeSite = Callable[..., Site]
POST = request("/echo", "POST", b"b" * 1000)

# what is sent, how many answers are read
MANNERS: dict[str, tuple[bytes, int]] = {
    "before a byte": (b"", 0),
    "in the request line": (b"GET /", 0),
    "in the fields": (request()[:-3], 0),
    "in a body": (POST[:-10], 0),
    "in the second request": (request() + request()[:-1], 1),
    "without reading": (request(), 0),
    "without reading a large answer": (request("/large"), 0),
    "without reading a pipeline": (request("/large") * 20 + request("/slow"), 0),
    "reading one of many": (request() * 20, 1),
    "while the handler is suspended": (request("/slow"), 0),
    "with more behind a suspended handler": (request("/slow") * 2 + POST, 0),
    "while the handler fails": (request("/fail"), 0),
    "after a refusal": (b"garbage\r\n\r\n", 1),
    "after an exchange": (POST, 1),
}


# Who leaves by a FIN might be waiting for the answer.
OPTIONS = {"half_close_timeout_s": 0.3}


async def slow() -> str:
    await asyncio.sleep(60)
    return "never"


async def echo(request: Request) -> bytes:
    return await request.body()


async def fail() -> str:
    await asyncio.sleep(0)
    raise ValueError("again")


APP = (
    Router()
    .route("/", get(lambda: "small"))
    .route("/large", get(lambda: b"x" * 300_000))
    .route("/slow", get(slow))
    .route("/fail", get(fail))
    .route("/echo", post(echo))
)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def objects() -> Counter[str]:
    """Count the live objects that a connection is made of."""
    parts = ("HttpConnection", "Stream", "RequestTask", "Future", "coroutine", "Context")
    return Counter(name for name in (type(each).__name__ for each in gc.get_objects()) if name in parts)


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def settle(site: Site) -> None:
    """Wait until only what a server always has is left."""
    assert eventually(lambda: site.connections() == 0)
    # One request and one task are kept for the next message: have them there at every count.
    assert site.get().body == b"small"
    assert eventually(lambda: site.connections() == 0)
    # What a lost connection held, and the timers of cancelled handlers, go with the next turns.
    site.call(lambda: asyncio.sleep(0.01))
    # A loop's eventfd goes with the loop: those of earlier tests are not to go while we count.
    gc.collect()


def test_ten_thousand_dropped_connections_leave_nothing(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "fastloop_http")
    site = make_site(APP, **OPTIONS)

    def drop(count: int) -> None:
        """Open and drop so many connections, some dozens at a time."""
        manners = list(MANNERS.values())
        peers: list[Peer] = []
        for n in range(count):
            sent, answers = manners[n % len(manners)]
            peer = Peer(site.port).send(sent)
            for _ in range(answers):
                peer.answer()
            peers.append(peer)
            if len(peers) == 60:
                for at, each in enumerate(peers):
                    (each.reset if (at + n) % 3 else each.close)()
                peers.clear()
        for each in peers:
            each.close()
        settle(site)

    drop(2000)
    before = descriptors(), objects()
    resident = resident_bytes()
    drop(8000)
    assert (descriptors(), objects()) == before
    if "libasan" not in os.environ.get("LD_PRELOAD", ""):  # which keeps freed memory on purpose
        assert resident_bytes() - resident < 8 * 1024 * 1024


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("leave", [Peer.close, Peer.reset])
def test_each_manner_of_leaving_leaves_nothing(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture, manner: str, leave: Callable[[Peer], None]
) -> None:
    caplog.set_level("CRITICAL", "fastloop_http")
    site = make_site(APP, **OPTIONS)
    settle(site)
    before = descriptors(), objects()
    sent, answers = MANNERS[manner]
    for _ in range(20):
        peer = Peer(site.port).send(sent)
        for _ in range(answers):
            peer.answer()
        leave(peer)
    settle(site)
    assert (descriptors(), objects()) == before


def test_four_hundred_connections_are_open_at_once(make_site: MakeSite) -> None:
    site = make_site(Router().route("/", get(lambda: "small")))
    before = descriptors()
    peers = [Peer(site.port) for _ in range(400)]
    for _ in range(3):
        for peer in peers:
            peer.send(request())
        for peer in peers:
            assert peer.answer().body == b"small"
    assert site.connections() == 400
    for peer in peers:
        peer.close()
    assert eventually(lambda: site.connections() == 0)
    assert eventually(lambda: descriptors() == before)
