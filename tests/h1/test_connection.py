"""One connection: what it reads, in which order it answers, and how it ends."""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable

import pytest
from served import Peer, Site, eventually, request, undated

from fastloop_http import Request, Router, get, post

MakeSite = Callable[..., Site]
CLOSE = "Connection: close\r\n"
KEEP = "Connection: keep-alive\r\n"


async def echo(request: Request) -> bytes:
    return await request.body()


def numbered(n: str) -> str:
    return n


async def late(n: str) -> str:
    """Suspend the longer the lower n is, and not at all for 0 modulo 3."""
    if int(n) % 3:
        await asyncio.sleep(0.02 / (1 + int(n)))
    return n


APP = (
    Router()
    .route("/", get(lambda: "root"))
    .route("/echo", post(echo))
    .route("/now/{n}", get(numbered))
    .route("/late/{n}", get(late))
)


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site(APP)


def statuses(raw: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d{3}) ", raw)]


# Keep-alive, RFC 9112 section 9.3.

@pytest.mark.parametrize(
    ("minor", "fields", "kept", "told"),
    [
        (1, "", True, None),
        (1, KEEP, True, None),
        (1, CLOSE, False, "close"),
        (1, "Connection: x, CLOSE\r\n", False, "close"),
        (1, "Connection: x\r\nConnection: close\r\n", False, "close"),
        (1, "Connection: keep-alive, close\r\n", False, "close"),
        (0, "", False, "close"),
        (0, CLOSE, False, "close"),
        (0, KEEP, True, "keep-alive"),
    ],
)
def test_connection_is_kept_as_version_and_field_say(
    site: Site, minor: int, fields: str, kept: bool, told: str | None
) -> None:
    peer = site.peer().send(request(minor=minor, fields=fields))
    assert peer.answer().headers.get("connection") == told
    if kept:
        assert peer.send(request()).answer().body == b"root"
    else:
        assert peer.rest() == b""


def test_nothing_behind_a_closing_request_is_answered(site: Site) -> None:
    raw = site.exchange(request() + request(fields=CLOSE) + request() * 100)
    assert statuses(raw) == [200, 200]


# Pipelining.

def test_thousand_requests_in_one_write_are_answered_in_order(site: Site) -> None:
    peer = site.peer().send(b"".join(request(f"/now/{n}") for n in range(1000)))
    assert [peer.answer().body for _ in range(1000)] == [b"%d" % n for n in range(1000)]


PIPELINE = (
    b"\r\n" + request("/now/1") + request("/echo", "POST", b"body\r\n\r\nGET")
    + request("/late/1", fields="X: y\r\n") + request("/echo", "POST") + request("/now/2", "HEAD")
    + request("/none") + request("/now/3", fields=CLOSE)
)


def test_pipeline_is_answered_alike_however_it_is_cut(site: Site) -> None:
    whole = undated(site.exchange(PIPELINE))
    assert statuses(whole) == [200, 200, 200, 200, 200, 404, 200]
    peers = [site.peer() for _ in range(len(PIPELINE) + 1)]
    for cut, peer in enumerate(peers):
        peer.send(PIPELINE[:cut])
    # Everything sent so far has been read when a later connection has its answer.
    assert site.get().status == 200
    for cut, peer in enumerate(peers):
        peer.send(PIPELINE[cut:])
    for peer in peers:
        assert undated(peer.rest()) == whole


def test_pipeline_byte_by_byte_is_answered_alike(site: Site) -> None:
    whole = undated(site.exchange(PIPELINE))
    peer = site.peer()
    for byte in PIPELINE:
        peer.send(bytes([byte]))
    assert undated(peer.rest()) == whole


def test_answers_keep_their_order_while_handlers_suspend_for_different_times(site: Site) -> None:
    peers = [site.peer().send(b"".join(request(f"/late/{n}") for n in range(30))) for _ in range(10)]
    for peer in peers:
        assert [peer.answer().body for _ in range(30)] == [b"%d" % n for n in range(30)]


def test_next_handler_does_not_run_before_the_last_has_answered(make_site: MakeSite) -> None:
    running = most = 0

    async def handler() -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return ""

    peer = make_site(Router().route("/", get(handler))).peer().send(request() * 50)
    assert [peer.answer().status for _ in range(50)] == [200] * 50
    assert most == 1


# Bodies.

@pytest.mark.parametrize("size", [1, 100, 65_536, 300_000, 1_500_000, 2 * 1024 * 1024])
def test_body_arrives_whole(site: Site, size: int) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    peer = site.peer()
    for _ in range(2):
        assert peer.send(request("/echo", "POST", body[:size])).answer().body == body[:size]


def test_body_may_come_in_pieces(site: Site) -> None:
    message = request("/echo", "POST", b"0123456789")
    for cut in range(len(message) - 12, len(message)):
        peer = site.peer().send(message[:cut])
        site.get()
        assert peer.send(message[cut:] + request()).answer().body == b"0123456789"
        assert peer.answer().body == b"root"


def test_body_may_come_byte_by_byte(site: Site) -> None:
    peer = site.peer()
    for byte in request("/echo", "POST", bytes(range(256)) * 4):
        peer.send(bytes([byte]))
    assert peer.answer().body == bytes(range(256)) * 4


def test_zero_length_and_zeros_before_a_length_are_a_length(site: Site) -> None:
    peer = site.peer()
    for length, body in (("0", b""), ("003", b"abc")):
        peer.send(f"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode() + body)
        assert peer.answer().body == body


# Refusals.

REFUSED = [
    (b"garbage\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 200-ok\r\n\r\n", 417),
    (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 100 + b"\r\n", 431),
]


@pytest.mark.parametrize(
    ("message", "status"), REFUSED, ids=[f"{n}-{status}" for n, (_, status) in enumerate(REFUSED)]
)
def test_refused_message_is_answered_and_nothing_behind_it_is_parsed(
    site: Site, message: bytes, status: int
) -> None:
    peer = site.peer().send(request("/now/1") + message)
    assert peer.answer().body == b"1"
    answer = peer.answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.body.endswith(b"\n")
    assert answer.body.isascii()
    assert peer.rest() == b""
    assert statuses(site.exchange(message + request() * 3)) == [status]
    assert site.get().status == 200


def test_refusal_waits_for_the_answers_before_it(site: Site) -> None:
    raw = site.exchange(request("/late/1") + request("/late/2") + b"garbage\r\n\r\n" + request())
    assert statuses(raw) == [200, 200, 400]


def test_refusal_says_to_the_log_what_was_refused(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "fastloop_http")
    site.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\x1b[31m\r\n\r\n")
    (record,) = caplog.records
    assert record.getMessage().startswith("refused with 400: control byte in field value")
    assert "\x1b" not in record.getMessage()


# Peers that leave.

@pytest.mark.parametrize(
    "sent", [b"", b"G", request()[:-2], request("/echo", "POST", b"body")[:-2], request() * 10]
)
@pytest.mark.parametrize("leave", [Peer.close, Peer.reset])
def test_peer_that_leaves_takes_its_connection_along(site: Site, sent: bytes, leave: Callable) -> None:
    peer = site.peer().send(sent)
    assert eventually(lambda: site.connections() == 1)
    leave(peer)
    assert eventually(lambda: site.connections() == 0)
    assert site.get().status == 200


@pytest.mark.parametrize("leave", [Peer.close, Peer.reset])
@pytest.mark.parametrize("behind", [0, 1, 3])
def test_handler_is_cancelled_when_its_peer_leaves(make_site: MakeSite, leave: Callable, behind: int) -> None:
    started, cancelled, finish = threading.Event(), threading.Event(), threading.Event()
    ran = 0

    async def handler() -> str:
        nonlocal ran
        ran += 1
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            # Cleaning up may take its time, and its answer is not missed.
            await asyncio.sleep(0.01)
            finish.set()
            return "too late"
        return "never"

    app = Router().route("/", get(handler)).route("/now", get(lambda: "now"))
    site = make_site(app, half_close_timeout_s=0.1)
    peer = site.peer().send(request() * (1 + behind))
    assert started.wait(10)
    leave(peer)
    assert cancelled.wait(10)
    assert eventually(lambda: site.connections() == 0)
    assert site.get("/now").body == b"now"
    assert finish.wait(10)
    assert ran == 1


def test_requests_behind_an_answer_that_cannot_be_sent_are_not_run(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    started, left, ran = threading.Event(), threading.Event(), []

    def handler() -> str:
        ran.append(1)
        started.set()
        assert left.wait(10)  # the loop as well: what was sent with this request is in its hands
        return "x" * 10_000

    site = make_site(Router().route("/", get(handler)))
    peer = site.peer().send(request() * 1000)
    assert started.wait(10)
    peer.reset()
    left.set()
    assert eventually(lambda: site.connections() == 0)
    assert len(ran) < 100
    assert caplog.records == []


def test_closing_server_cancels_its_handlers(make_site: MakeSite) -> None:
    started, cancelled = threading.Event(), threading.Event()

    async def handler() -> str:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()
        return "never"

    site = make_site(Router().route("/", get(handler)))
    peer = site.peer().send(request())
    idle = site.peer()
    assert started.wait(10)
    assert eventually(lambda: site.connections() == 2)
    site.stop()
    assert cancelled.is_set()
    assert peer.rest() == idle.rest() == b""


# Flow control.

def test_peer_that_does_not_read_is_answered_no_further_than_the_kernel_buffers(make_site: MakeSite) -> None:
    made = 0

    def handler() -> bytes:
        nonlocal made
        made += 1
        return b"x" * 10_000

    site = make_site(Router().route("/", get(handler)))
    peer = site.peer(receive_buffer=4096)
    requests = 5000
    sender = threading.Thread(target=peer.send, args=(request() * requests,))
    sender.start()
    before = 0

    def settled() -> bool:
        nonlocal before
        before, now = made, before
        time.sleep(0.2)
        return before == now > 0

    assert eventually(settled)
    # Socket buffers grow to 4 MB or so; what is left waits as unparsed requests, 64 KiB and one read of them.
    assert made < 2000
    for _ in range(requests):
        assert len(peer.answer().body) == 10_000
    sender.join()
    assert made == requests


def test_flood_behind_a_suspended_handler_waits_in_the_kernel(make_site: MakeSite) -> None:
    go_on: asyncio.Event

    async def wait() -> str:
        nonlocal go_on
        go_on = asyncio.Event()
        started.set()
        await go_on.wait()
        return "waited"

    started = threading.Event()
    site = make_site(Router().route("/wait", get(wait)).route("/{n}", get(numbered)))
    peer = site.peer().send(request("/wait"))
    assert started.wait(10)
    flood = b"".join(request(f"/{n}", fields=f"X: {'x' * 1000}\r\n") for n in range(20_000))
    sender = threading.Thread(target=peer.send, args=(flood,))
    sender.start()
    sender.join(0.3)
    assert sender.is_alive(), "20 MB were taken in"
    assert peer.silent()
    site.loop.call_soon_threadsafe(go_on.set)
    assert peer.answer().body == b"waited"
    for n in range(20_000):
        assert peer.answer().body == b"%d" % n
    sender.join()


def test_slow_reader_does_not_keep_others_waiting(make_site: MakeSite) -> None:
    site = make_site(Router().route("/", get(lambda: b"x" * 1_000_000)).route("/small", get(lambda: "small")))
    slow = site.peer(receive_buffer=4096).send(request() * 50)
    for _ in range(20):
        assert site.get("/small").body == b"small"
    for _ in range(50):
        assert len(slow.answer().body) == 1_000_000
