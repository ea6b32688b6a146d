"""What a server counts: exchanges and what they add, and what is made of latencies."""

import asyncio
import math
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import IO, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served import Peer, Site, eventually, request

import fastloop
from fastloop_http import Latency, Request, Router, Server, Stats, Stream, Upgrade, get, post
from fastloop_http._h1.counters import bounds, bucket

MakeSite = Callable[..., Site]
CLOSE = "Connection: close\r\n"


async def late() -> str:
    await asyncio.sleep(0.01)
    return "late"


async def echo(request: Request) -> bytes:
    return await request.body()


def fail() -> str:
    raise LookupError("on purpose")


async def fail_late() -> str:
    await asyncio.sleep(0)
    raise LookupError("on purpose")


def rows() -> Iterator[bytes]:
    yield b"one"
    yield b"x" * 5000


async def late_rows() -> AsyncIterator[bytes]:
    for _ in range(3):
        await asyncio.sleep(0.001)
        yield b"row"


def cut() -> Iterator[bytes]:
    yield b"one"
    raise LookupError("on purpose")


async def for_ever() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1000
        await asyncio.sleep(0.001)


def file() -> IO[bytes]:
    content = tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
    content.write(b"x" * 1_000_000)
    content.seek(0)
    return content


class Closing(asyncio.Protocol):
    """Ends the connection that it is given."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


APP = (
    Router()
    .route("/small-file", get(lambda: open(__file__, "rb")))  # noqa: SIM115
    .route("/file", get(file))
    .route("/upgrade", get(lambda: Upgrade(Closing, protocol="closing")))
    .route("/", get(lambda: "root").post(lambda: "ignored"))
    .route("/large", get(lambda: b"x" * 100_000))
    .route("/late", get(late))
    .route("/echo", post(echo))
    .route("/fail", get(fail))
    .route("/fail-late", get(fail_late))
    .route("/wrong", get(lambda: object()))
    .route("/rows", get(lambda: rows()))
    .route("/sized", get(lambda: Stream([b"abc"], content_length=3, trailers=None)))
    .route("/trailed", get(lambda: Stream([b"abc"], trailers={"x": "y"})))
    .route("/late-rows", get(lambda: late_rows()))
    .route("/cut", get(lambda: cut()))
    .route("/for-ever", get(lambda: for_ever()))
    .route("/moved", get(lambda: (301, {"location": "/"}, b"")))
    .route("/odd", get(lambda: (999, "odd")))
)


class Case(NamedTuple):
    """What is sent on a connection; the statuses of the answers, and how many are errors or refusals."""

    sent: bytes
    statuses: tuple[int, ...]
    errors: int = 0
    refused: int = 0


CASES = {
    "nothing": Case(b"", ()),
    "empty lines": Case(b"\r\n\r\n", ()),
    "one": Case(request(fields=CLOSE), (200,)),
    "head": Case(request("/", "HEAD", fields=CLOSE), (200,)),
    "old": Case(request(minor=0), (200,)),
    "pipelined": Case(request() * 9 + request(fields=CLOSE), (200,) * 10),
    "pipelined and late": Case((request() + request("/late")) * 3 + request(fields=CLOSE), (200,) * 7),
    "more than is gathered": Case(request("/large") * 3 + request(fields=CLOSE), (200,) * 4),
    "late": Case(request("/late", fields=CLOSE), (200,)),
    "missing": Case(request("/missing", fields=CLOSE), (404,)),
    "wrong method": Case(request("/late", "POST", fields=CLOSE), (405,)),
    "moved": Case(request("/moved", fields=CLOSE), (301,)),
    "odd": Case(request("/odd", fields=CLOSE), (999,)),
    "body": Case(request("/echo", "POST", b"content", fields=CLOSE), (200,)),
    "body of several reads": Case(request("/echo", "POST", b"x" * 600_000, fields=CLOSE), (200,)),
    "chunks": Case(
        request("/echo", "POST", fields=CLOSE + "Transfer-Encoding: chunked\r\n") + b"3\r\nabc\r\n0\r\n\r\n",
        (200,),
    ),
    "body nobody reads": Case(request("/", "POST", b"content") + request(fields=CLOSE), (200, 200)),
    "expected body": Case(
        request("/echo", "POST", b"content", fields=CLOSE + "Expect: 100-continue\r\n"), (200,)
    ),
    "body too large": Case(request("/echo", "POST", fields="Content-Length: 10000000\r\n"), (413,)),
    "broken chunks": Case(
        request("/echo", "POST", fields="Transfer-Encoding: chunked\r\n") + b"x\r\n", (400,)
    ),
    "files": Case(request("/small-file") + request("/file") + request("/file", fields=CLOSE), (200,) * 3),
    "upgrade that was not asked for": Case(request("/upgrade", fields=CLOSE), (426,)),
    "upgrade": Case(request() + request("/upgrade", fields="Connection: upgrade\r\nUpgrade: closing\r\n"),
                    (200, 101)),
    "failing": Case(request("/fail") + request("/fail-late", fields=CLOSE), (500, 500), errors=2),
    "no answer": Case(request("/wrong", fields=CLOSE), (500,), errors=1),
    "rows": Case(request("/rows") + request("/rows", fields=CLOSE), (200, 200)),
    "rows for an old client": Case(request("/rows", minor=0), (200,)),
    "rows behind others": Case(request() * 2 + request("/rows") + request(fields=CLOSE), (200,) * 4),
    "sized": Case(request("/sized", fields=CLOSE), (200,)),
    "trailed": Case(request("/trailed", fields=CLOSE), (200,)),
    "late rows": Case(request("/late-rows") + request("/late-rows", fields=CLOSE), (200, 200)),
    "rows not sent": Case(request("/rows", "HEAD", fields=CLOSE), (200,)),
    "no request": Case(b"\x16\x03\x01\x02\x00\r\n\r\n", (400,), refused=1),
    "no request behind one": Case(request() + b"GET\r\n\r\n", (200, 400), refused=1),
    "field too large": Case(request(fields=f"X: {'x' * 20_000}\r\n"), (431,), refused=1),
}


def by_class(statuses: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sum(status // 100 == digit for status in statuses) for digit in range(10))


def settled(site: Site) -> Stats:
    """Return what is counted once no connection is open, and see that it adds up."""
    assert eventually(lambda: site.connections() == 0)
    stats = site.server.stats()
    assert (stats.connections, stats.in_flight) == (0, 0)
    assert stats.requests_total == sum(stats.answers) + stats.client_disconnects
    return stats


def test_connection_behind_a_proxy_header_is_one(make_site: MakeSite) -> None:
    site = make_site(APP, proxy_protocol_from=["127.0.0.1/32"])
    for header in (b"PROXY UNKNOWN\r\n", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", b"GET / HTTP/1.1\r\n"):
        site.exchange(header + request(fields=CLOSE))
    assert eventually(lambda: site.server.stats().connections == 0)
    stats = site.server.stats()
    # The last has none of its own, and is closed unanswered.
    assert (stats.connections_total, stats.requests_total, stats.answers[2]) == (2, 2, 2)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "in pieces"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exchange_is_counted_as_its_client_sees_it(make_site: MakeSite, case: Case, whole: bool) -> None:
    site = make_site(APP)
    peer = site.peer()
    if whole:
        peer.send(case.sent)
    else:
        for at in range(0, len(case.sent), step := max(len(case.sent) // 5, 1)):
            peer.send(case.sent[at : at + step])
            time.sleep(0.002)
    if CLOSE.encode() not in case.sent and case.statuses in ((), (200,)):
        peer.socket.shutdown(1)
    answers = peer.rest()
    peer.close()
    stats = settled(site)
    assert stats.answers == by_class(case.statuses)
    assert stats.requests_total == len(case.statuses)
    assert stats.handler_errors == case.errors
    assert stats.client_disconnects == 0
    assert stats.connections_total == 1
    assert (stats.bytes_received, stats.bytes_sent) == (len(case.sent), len(answers))
    assert stats.latency.count == len(case.statuses) - case.refused


def test_connection_without_a_request_counts_as_one(make_site: MakeSite) -> None:
    site = make_site(APP)
    peer = site.peer()
    assert eventually(lambda: site.server.stats() == Stats(connections=1, connections_total=1))
    peer.close()
    assert settled(site) == Stats(connections_total=1)


# Ends that are not answers.

def test_client_that_goes_while_it_is_answered_is_a_disconnect(make_site: MakeSite) -> None:
    gate = threading.Event()

    async def held() -> str:
        await asyncio.to_thread(gate.wait, 20)
        return "held"

    site = make_site(Router().route("/", get(held)))
    peers = [site.peer().send(request()) for _ in range(3)]
    assert eventually(lambda: site.server.stats().in_flight == 3)
    peers[0].reset()
    assert eventually(lambda: site.server.stats().client_disconnects == 1)
    assert site.server.stats().in_flight == 2
    gate.set()
    for peer in peers[1:]:
        assert peer.answer().body == b"held"
        peer.close()
    stats = settled(site)
    assert (stats.answers[2], stats.client_disconnects, stats.handler_errors) == (2, 1, 0)


@pytest.mark.parametrize("path", ["/for-ever", "/echo"])
def test_client_that_goes_in_the_middle_is_a_disconnect(make_site: MakeSite, path: str) -> None:
    site = make_site(APP)
    peer = site.peer()
    if path == "/echo":
        peer.send(request(path, "POST", fields="Content-Length: 10\r\n"))
        assert eventually(lambda: site.server.stats().in_flight == 1)
    else:
        peer.send(request(path)).take(5000)
    peer.reset()
    stats = settled(site)
    assert (stats.requests_total, stats.client_disconnects, stats.handler_errors) == (1, 1, 0)


def test_streamed_answer_that_fails_is_an_answer_and_an_error(make_site: MakeSite) -> None:
    site = make_site(APP)
    peer = site.peer().send(request("/cut"))
    with pytest.raises(ConnectionResetError):
        peer.rest()
    stats = settled(site)
    assert (stats.answers[2], stats.client_disconnects, stats.handler_errors) == (1, 0, 1)


def test_slow_head_is_a_request_that_is_answered_408(make_site: MakeSite) -> None:
    site = make_site(APP, head_timeout_s=0.05)
    assert site.exchange(b"GET / HT").startswith(b"HTTP/1.1 408 ")
    stats = settled(site)
    assert (stats.answers[4], stats.requests_total, stats.latency.count) == (1, 1, 0)


def test_reader_that_takes_nothing_is_a_disconnect(make_site: MakeSite) -> None:
    site = make_site(
        Router().route("/", get(lambda: Stream(b"x" * 65536 for _ in range(1000)))), write_timeout_s=0.05
    )
    site.peer(receive_buffer=4096).send(request())
    assert eventually(lambda: site.server.stats().client_disconnects == 1)
    stats = settled(site)
    assert (stats.answers[2], stats.in_flight) == (0, 0)


def test_requests_that_the_end_of_the_server_drops_are_disconnects(make_site: MakeSite) -> None:
    async def never() -> str:
        await asyncio.sleep(60)
        return ""

    site = make_site(Router().route("/", get(never)))
    site.peer().send(request())
    assert eventually(lambda: site.server.stats().in_flight == 1)
    site.stop()
    stats = site.server.stats()
    assert (stats.client_disconnects, stats.in_flight, stats.connections) == (1, 0, 0)


# Where it is asked for.

def test_handler_sees_itself_in_flight(make_site: MakeSite) -> None:
    app = Router().route("/", get(lambda: str(site.server.stats().in_flight)))
    site = make_site(app)
    assert site.get().body == site.get().body == b"1"


def test_server_sums_over_all_the_times_it_listens() -> None:
    async def main() -> None:
        server = Server(APP)
        assert server.stats() == Stats()
        async with server.listening("127.0.0.1:0") as one, server.listening("127.0.0.1:0") as other:
            for listening, times in ((one, 1), (other, 2)):
                port = int(listening.addresses[0].rpartition(":")[2])
                for _ in range(times):
                    await asyncio.to_thread(ask, port)
                assert listening.stats().answers[2] == times
            assert server.stats().answers[2] == 3
        assert (one.stats().answers[2], other.stats().answers[2]) == (1, 2)
        async with server.listening("127.0.0.1:0"):
            assert server.stats().answers[2] == 3
        assert server.stats().latency.count == 3

    fastloop.run(main())


def ask(port: int) -> bytes:
    with Peer(port) as peer:
        return peer.send(request(fields=CLOSE)).rest()


# Latency.

@pytest.mark.parametrize("path", ["/in-place", "/late"])
@pytest.mark.parametrize("timeout_s", [30.0, None])
def test_latency_is_what_the_handler_takes(make_site: MakeSite, path: str, timeout_s: float | None) -> None:
    async def suspend() -> str:
        await asyncio.sleep(0.02)
        return "late"

    def compute() -> str:
        time.sleep(0.02)
        return "now"

    app = Router().route("/in-place", get(compute)).route("/late", get(suspend))
    timeouts = dict.fromkeys(["head_timeout_s", "keep_alive_timeout_s", "body_grace_s"], timeout_s)
    site = make_site(app, **timeouts, half_close_timeout_s=timeout_s, write_timeout_s=timeout_s)
    peer = site.peer()
    for _ in range(3):
        time.sleep(0.02)
        peer.send(request(path)).answer()
    latency = site.server.stats().latency
    assert latency.count == 3
    assert 0.06 <= latency.total_s < 10
    assert latency.quantile(0) >= 0.02
    # Of when it was sent, not of when a clock was last looked at.
    assert latency.quantile(1) < 5


@given(st.lists(st.integers(0, 2**38), min_size=1), st.floats(0, 1))
def test_quantile_is_the_value_or_little_above(values_ns: list[int], fraction: float) -> None:
    buckets = [0] * (len(bounds()) + 1)
    for value in values_ns:
        buckets[bucket(value)] += 1
    latency = Latency(sum(values_ns) / 1e9, tuple(buckets))
    exact_ns = sorted(values_ns)[max(math.ceil(fraction * len(values_ns)), 1) - 1]
    found_ns = latency.quantile(fraction) * 1e9
    if exact_ns >= bounds()[-1]:
        assert found_ns == math.inf
    else:
        assert exact_ns < found_ns * (1 + 1e-9)
        assert found_ns <= max(exact_ns + 1024, exact_ns * 9 / 8) * (1 + 1e-9)
    assert latency.mean_s == pytest.approx(sum(values_ns) / len(values_ns) / 1e9)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, math.nan])
def test_fraction_that_is_none_is_a_value_error(fraction: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Latency().quantile(fraction)


def test_no_requests_have_no_quantile() -> None:
    assert math.isnan(Latency().quantile(0.5))
    assert math.isnan(Latency().mean_s)


def test_difference_is_what_came_between() -> None:
    before = Latency(1.0, (1, *Latency().buckets[1:]))
    after = Latency(1.5, (1, 2, *Latency().buckets[2:]))
    between = after - before
    assert (between.count, between.total_s, between.quantile(0.5)) == (2, 0.5, bounds()[1] / 1e9)
    assert before + between == after
