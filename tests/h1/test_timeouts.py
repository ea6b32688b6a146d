"""How long a connection waits: for heads, bodies, readers and the next request; and for whom it does not."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from served import PATIENCE, Peer, Site, eventually, request

from fastloop_http import Request, Router, Server, get, post

MakeSite = Callable[..., Site]
NAMES = ["head_timeout_s", "keep_alive_timeout_s", "body_grace_s", "write_timeout_s", "half_close_timeout_s"]
# Short for one kind of wait, and out of the way for all others.
SHORT = 0.2
LONG = dict.fromkeys(NAMES, 30.0)
POST = request("/body", "POST", fields="Content-Length: 4\r\n")


async def body(request: Request) -> bytes:
    return await request.body()


async def long() -> str:
    await asyncio.sleep(3 * SHORT)
    return "long"


APP = (
    Router()
    .route("/", get(lambda: "root").post(lambda: "ignored"))
    .route("/body", post(body))
    .route("/long", get(long))
    .route("/large", get(lambda: b"x" * (32 << 20)))
    .route("/streamed", get(lambda: (b"x" * (16 << 10) for _ in range(2048))))
)


def waited(peer: Peer) -> tuple[bytes, float]:
    """Return what comes till the end, and the seconds it took to come."""
    began = time.monotonic()
    return peer.rest(), time.monotonic() - began


# Clients that are slow.

# the timeout that is short, what is sent and answered before, what is sent then, the status of what comes
SLOW = [
    ("head_timeout_s", b"", b"", 408),
    ("head_timeout_s", b"", b"G", 408),
    ("head_timeout_s", b"", request()[:-1], 408),
    ("head_timeout_s", b"", b"\r\n", 408),
    ("head_timeout_s", request(), b"GET / HTTP/1.1\r\n", 408),
    ("keep_alive_timeout_s", request(), b"", None),
    ("keep_alive_timeout_s", request() * 3, b"", None),
    ("keep_alive_timeout_s", request("/long"), b"", None),
    ("keep_alive_timeout_s", POST + b"body", b"", None),
    ("body_grace_s", b"", POST, 408),
    ("body_grace_s", request(), POST + b"bod", 408),
    ("body_grace_s", b"", request("/body", "POST", fields="Transfer-Encoding: chunked\r\n") + b"1\r\na", 408),
]


@pytest.mark.parametrize(("name", "before", "sent", "status"), SLOW)
def test_slow_client_is_answered_or_closed_at_its_limit(
    make_site: MakeSite, name: str, before: bytes, sent: bytes, status: int | None
) -> None:
    peer = make_site(APP, **{**LONG, name: SHORT}).peer().send(before)
    for _ in range(before.count(b" HTTP/1.1\r\n")):
        assert peer.answer().status == 200
    answers, seconds = waited(peer.send(sent))
    assert seconds > SHORT / 2
    if status is None:
        assert answers == b""
    else:
        assert answers.startswith(b"HTTP/1.1 %d " % status)
        assert b"connection: close\r\n" in answers
        assert answers.count(b"HTTP/1.1") == 1


def test_head_that_comes_byte_by_byte_has_no_more_time(make_site: MakeSite) -> None:
    site = make_site(APP, **{**LONG, "head_timeout_s": SHORT})
    peer = site.peer()
    peer.socket.settimeout(SHORT / 20)
    for byte in request(fields="X: " + "x" * 1000 + "\r\n"):
        peer.send(bytes([byte]))
        try:
            assert peer.socket.recv(12) == b"HTTP/1.1 408"
            break
        except TimeoutError:
            continue
    else:
        pytest.fail("no 408")


def test_body_above_the_rate_has_the_time_it_needs(make_site: MakeSite) -> None:
    site = make_site(APP, **{**LONG, "body_grace_s": SHORT}, min_body_bytes_per_s=100)
    peer = site.peer().send(request("/body", "POST", fields="Content-Length: 100\r\n"))
    for _ in range(10):
        time.sleep(SHORT / 3)
        peer.send(b"0123456789")
    assert peer.answer().body == b"0123456789" * 10


def test_body_below_the_rate_is_a_408_whatever_it_sends(make_site: MakeSite) -> None:
    site = make_site(APP, **{**LONG, "body_grace_s": SHORT}, min_body_bytes_per_s=1000)
    peer = site.peer().send(request("/body", "POST", fields="Content-Length: 1000\r\n"))
    began = time.monotonic()
    peer.socket.settimeout(SHORT / 10)
    while time.monotonic() - began < PATIENCE:
        try:
            if peer.socket.recv(12) == b"HTTP/1.1 408":
                break
        except TimeoutError:
            peer.send(b"x")
    else:
        pytest.fail("no 408")


@pytest.mark.parametrize("path", ["/large", "/streamed"])
@pytest.mark.parametrize("others", [LONG, dict.fromkeys(NAMES)], ids=["others long", "no others"])
def test_client_that_does_not_read_is_reset(
    make_site: MakeSite, path: str, others: dict[str, float | None]
) -> None:
    site = make_site(APP, **{**others, "write_timeout_s": SHORT})
    peer = site.peer(receive_buffer=4096).send(request(path))
    assert eventually(lambda: site.connections() == 1)
    assert eventually(lambda: site.connections() == 0)
    with pytest.raises(ConnectionResetError):
        peer.rest()


# Clients that are not slow, or need not hurry.

@pytest.mark.parametrize("name", NAMES[:-1])
def test_handler_may_take_its_time(make_site: MakeSite, name: str) -> None:
    peer = make_site(APP, **{**LONG, name: SHORT}).peer()
    assert peer.send(request("/long")).answer().body == b"long"


def test_reader_that_takes_something_now_and_then_is_not_reset(make_site: MakeSite) -> None:
    peer = make_site(APP, **{**LONG, "write_timeout_s": 2 * SHORT}).peer(receive_buffer=1 << 20)
    peer.send(request("/large"))
    received = 0
    while received < 32 << 20:
        received += len(peer.socket.recv(4 << 20))
        time.sleep(SHORT / 10)


def test_client_that_is_made_to_wait_is_not_slow(make_site: MakeSite) -> None:
    async def handler(request: Request) -> str:
        await asyncio.sleep(4 * SHORT)
        return str(len(await request.body()))

    site = make_site(Router().route("/", post(handler)), **{**LONG, "body_grace_s": 2 * SHORT})
    size = 2 << 20
    expecting = request("/", "POST", fields="Content-Length: 4\r\nExpect: 100-continue\r\n")
    flooding = request("/", "POST", bytes(size))
    assert site.peer().send(flooding).answer().body == str(size).encode()
    peer = site.peer().send(expecting)
    assert peer.take(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert peer.send(b"body").answer().body == b"4"


def test_without_timeouts_a_connection_waits(make_site: MakeSite) -> None:
    site = make_site(APP, **dict.fromkeys(NAMES))
    peers = [site.peer().send(sent) for sent in (b"", b"GET", request(), POST)]
    time.sleep(3 * SHORT)
    assert site.connections() == 4
    assert peers[0].send(request()).answer().body == b"root"
    assert peers[3].send(b"body").answer().body == b"body"


def test_many_connections_each_have_their_own_time(make_site: MakeSite) -> None:
    site = make_site(APP, **{**LONG, "keep_alive_timeout_s": 2 * SHORT})
    peers = []
    for _ in range(20):
        peers += [site.peer() for _ in range(10)]
        for peer in peers:
            peer.send(request())
        for peer in peers:
            assert peer.answer().body == b"root"
        time.sleep(SHORT / 5)
    for peer in peers:
        assert peer.rest() == b""
    assert eventually(lambda: site.connections() == 0)


# Half-closed clients, RFC 9112 section 9.6.

def half_closed(peer: Peer) -> Peer:
    peer.socket.shutdown(1)
    return peer


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (request(), [b"root"]),
        (request("/long"), [b"long"]),
        (request("/long") + request() + request("/long"), [b"long", b"root", b"long"]),
        (POST + b"body", [b"body"]),
        (request() + b"GET", [b"root"]),
        (b"", []),
    ],
)
def test_client_that_has_ended_its_side_is_answered(
    make_site: MakeSite, sent: bytes, expected: list[bytes]
) -> None:
    peer = half_closed(make_site(APP, **LONG).peer().send(sent))
    assert [peer.answer().body for _ in expected] == expected
    assert peer.rest() == b""


def test_half_closed_client_is_taken_for_gone_after_a_while(make_site: MakeSite) -> None:
    cancelled = threading.Event()

    async def handler() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    site = make_site(Router().route("/", get(handler)), **{**LONG, "half_close_timeout_s": SHORT})
    peer = half_closed(site.peer().send(request()))
    answers, seconds = waited(peer)
    assert answers == b""
    assert seconds > SHORT / 2
    assert cancelled.wait(PATIENCE)


# Options.

@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, -1, "1", float("nan"), float("inf"), 1e10])
def test_timeout_that_is_no_time_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be seconds above 0, or None for no limit, not"):
        Server(APP, **{name: value})
