"""Upgrades: which requests are handed over, what their protocols are told, and that nothing is lost."""

import asyncio
import gc
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from served import Peer, Site, eventually, request

from fastloop_http import BodyError, Request, Router, Upgrade, get, post
from fastloop_http._h1.connection import HttpConnection

MakeSite = Callable[..., Site]

ASKED = "Connection: upgrade\r\nUpgrade: echo\r\n"
CONNECT = b"CONNECT site:443 HTTP/1.1\r\nHost: site:443\r\n\r\n"


class Echo(asyncio.Protocol):
    """Sends back what comes; remembers everything it is told."""

    def __init__(self, told: list[Any] | None = None) -> None:
        self.told = [] if told is None else told

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.told.append("made")
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.told.append(data)
        self.transport.write(data)

    def eof_received(self) -> None:
        self.told.append("eof")

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")


class BufferedEcho(asyncio.BufferedProtocol):
    """The same into a small buffer of its own."""

    def __init__(self, size: int = 3) -> None:
        self.buffer = bytearray(size)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(self.buffer[:nbytes])


async def echo_streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data)
        await writer.drain()
    writer.close()


def streams() -> asyncio.StreamReaderProtocol:
    return asyncio.StreamReaderProtocol(asyncio.StreamReader(), echo_streams)


def app_of(make: Callable[[], object] = Echo, **options: Any) -> Router:
    """Return an app whose / hands over to make(), at once, and /later after a wait; and CONNECT."""

    async def later() -> Upgrade:
        await asyncio.sleep(0.01)
        return Upgrade(make, protocol="echo", **options)

    app = Router().route("/", get(lambda: Upgrade(make, protocol="echo", **options)))
    app.route("/other", get(lambda: "other")).route("/later", get(later))
    return app.connect(lambda: Upgrade(make, **options))


def switched(peer: Peer, status: int = 101) -> Peer:
    """Take the head that ends HTTP."""
    assert peer.answer().status == status
    return peer


# Which requests.

# fields of a GET, minor version, protocol of the Upgrade, status
REQUESTS = [
    (ASKED, 1, "echo", 101),
    ("Connection: Upgrade\r\nUpgrade: ECHO\r\n", 1, "echo", 101),
    ("connection: keep-alive, UPGRADE\r\nupgrade: h2c, Echo\r\n", 1, "eCHO", 101),
    ("Connection: upgrade\r\nUpgrade: a/1,,\t echo\t ,b\r\n", 1, "echo", 101),
    ("Connection: upgrade\r\nUpgrade: a\r\nUpgrade: echo\r\n", 1, "echo", 101),
    ("Connection: upgrade\r\nUpgrade: echo/1.0\r\n", 1, "Echo/1.0", 101),
    ("Connection: upgrade, close\r\nUpgrade: echo\r\n", 1, "echo", 101),
    ("Connection: upgrade\r\nUpgrade: echo/1\r\n", 1, "echo", 426),
    ("Connection: upgrade\r\nUpgrade: echo\r\n", 1, "echo/1", 426),
    ("Connection: upgrade\r\nUpgrade: echoes\r\n", 1, "echo", 426),
    ("Connection: upgrade\r\nUpgrade: websocket\r\n", 1, "echo", 426),
    ("Connection: upgrade\r\nUpgrade:\r\n", 1, "echo", 426),
    ("Connection: upgrade\r\n", 1, "echo", 426),
    ("Upgrade: echo\r\n", 1, "echo", 426),
    ("Connection: upgrades\r\nUpgrade: echo\r\n", 1, "echo", 426),
    ("", 1, "echo", 426),
    (ASKED, 0, "echo", 426),
    (ASKED, 1, None, 500),
]


@pytest.mark.parametrize(("fields", "minor", "protocol", "status"), REQUESTS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_only_a_request_that_lists_the_protocol_is_upgraded(
    make_site: MakeSite, method: str, fields: str, minor: int, protocol: str | None, status: int
) -> None:
    app = Router().route("/", get(lambda: Upgrade(Echo, protocol=protocol, headers={"x-y": "z"})))
    peer = make_site(app).peer().send(request(method=method, fields=fields, minor=minor) + b"raw")
    answer = peer.answer(head_only=method == "HEAD")
    assert answer.status == status
    if status == 101:
        assert set(answer.headers) == {"connection", "upgrade", "x-y", "date"}
        assert answer.headers["connection"] == "upgrade"
        assert answer.headers["upgrade"] == protocol
        assert peer.take(3) == b"raw"
    elif status == 426:
        assert answer.headers["upgrade"] == protocol
        assert answer.headers["content-length"] == "16"
        assert answer.body == (b"" if method == "HEAD" else b"Upgrade Required")


def test_answer_that_asks_for_an_upgrade_says_so_in_connection(make_site: MakeSite) -> None:
    site = make_site(app_of())
    assert b"\r\nconnection: upgrade\r\nupgrade: echo\r\n" in site.exchange(request(minor=0))
    peer = site.peer().send(request() + request("/other"))
    assert peer.answer().headers["connection"] == "upgrade"
    assert peer.answer().body == b"other"  # and the connection goes on


@pytest.mark.parametrize(("sent", "status"), [
    (CONNECT, 200),
    (CONNECT.replace(b"1.1", b"1.0"), 200),
    (CONNECT.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"), 200),
    (CONNECT.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n"), 400),
    (CONNECT.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"), 400),
])
def test_tunnel_has_no_framing_and_connect_no_content(make_site: MakeSite, sent: bytes, status: int) -> None:
    peer = make_site(app_of(headers=[("via", "1.1 us")])).peer().send(sent + b"raw")
    answer = peer.answer()
    assert answer.status == status
    if status == 200:
        assert set(answer.headers) == {"via", "date"}
        assert peer.take(3) == b"raw"
    else:
        assert answer.headers["connection"] == "close"
        assert peer.rest() == b""


@pytest.mark.parametrize("status", [403, 200])
def test_nothing_behind_a_connect_that_got_no_tunnel_is_parsed(make_site: MakeSite, status: int) -> None:
    app = Router().route("/other", get(lambda: "other")).connect(lambda: (status, "no"))
    peer = make_site(app).peer().send(CONNECT + request("/other"))
    answer = peer.answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert peer.rest() == b""


def test_connect_without_a_handler_is_not_implemented(make_site: MakeSite) -> None:
    site = make_site(Router().route("/", get(lambda: "root")))
    answers = site.exchange(CONNECT + request())
    assert answers.startswith(b"HTTP/1.1 501 ")
    assert answers.count(b"HTTP/1.1") == 1


# What the handler did wrong.


def fails() -> Any:
    raise ValueError("no protocol today")


# the answer, what the log says of it
MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: Upgrade(fails, protocol="echo"), "no protocol today"),
    (lambda: Upgrade(lambda: None, protocol="echo"), "must return a protocol, not None"),
    (lambda: Upgrade(Echo, protocol="echo", headers={"a": "b\r\nc: d"}), "control character"),
    (lambda: Upgrade(Echo, protocol="echo", headers={"Upgrade": "x"}), "the server's to send"),
    (lambda: Upgrade(Echo, protocol="echo", headers={"content-length": "0"}), "the server's to send"),
    (lambda: Upgrade(Echo), "for CONNECT only"),
    (lambda: (201, Upgrade(Echo, protocol="echo")), "an answer by itself"),
    (lambda: (200, {"a": "b"}, Upgrade(Echo, protocol="echo")), "an answer by itself"),
]


@pytest.mark.parametrize(("answer", "said"), MISTAKES)
@pytest.mark.parametrize("suspends", [False, True])
def test_what_cannot_be_handed_over_is_answered_500_and_http_goes_on(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture, suspends: bool,
    answer: Callable[[], Any], said: str,
) -> None:
    async def handler() -> Any:
        if suspends:
            await asyncio.sleep(0)
        return answer()

    app = Router().route("/", get(handler)).route("/other", get(lambda: "other"))
    peer = make_site(app).peer().send(request(fields=ASKED) + request("/other"))
    assert peer.answer().status == 500
    assert peer.answer().body == b"other"
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert said in str(record.exc_info[1])


def test_connect_upgrades_to_no_protocol(make_site: MakeSite, caplog: pytest.LogCaptureFixture) -> None:
    app = Router().connect(lambda: Upgrade(Echo, protocol="echo"))
    assert make_site(app).peer().send(CONNECT).answer().status == 500
    assert "leave out 'echo'" in caplog.text


@pytest.mark.parametrize("protocol", ["", "a b", "a/b/c", "a/", "a\r\n", "a, b", "\xe9", b"echo"])
def test_wrong_arguments_are_refused(protocol: Any) -> None:
    with pytest.raises(ValueError, match="protocol must be name"):
        Upgrade(Echo, protocol=protocol)
    with pytest.raises(TypeError, match="takes a function"):
        Upgrade(protocol)


@pytest.mark.parametrize("fails_in", ["connection_made", "data_received"])
def test_protocol_that_fails_is_aborted_and_told_of_once(make_site: MakeSite, fails_in: str) -> None:
    told: list[Any] = []

    class Failing(Echo):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            if fails_in == "connection_made":
                raise ValueError("not today")

        def data_received(self, data: bytes) -> None:
            raise ValueError("not today")

    site = make_site(app_of(lambda: Failing(told)))
    peer = site.peer().send(request(fields=ASKED) + b"raw")
    assert switched(peer).rest() == b""
    assert eventually(lambda: told == ["made", "lost"])
    (report,) = site.reports
    assert f"protocol.{fails_in}() call failed" in report
    site.reports.clear()


# What comes behind the request.

KINDS: list[Callable[[], object]] = [Echo, BufferedEcho, streams]
RAW = b"\x00GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("path", ["/", "/later"])
def test_bytes_behind_the_request_are_the_protocols_wherever_they_are_split(
    make_site: MakeSite, make: Callable[[], object], path: str
) -> None:
    site = make_site(app_of(make))
    sent = request("/other") + request(path, fields=ASKED) + RAW
    for cut in range(len(sent) - len(RAW) - 6, len(sent) + 1):
        with site.peer() as peer:
            peer.send(sent[:cut])
            if cut < len(sent):
                peer.silent(0.001)
            peer.send(sent[cut:])
            assert peer.answer().body == b"other"
            assert switched(peer).take(len(RAW)) == RAW
            assert peer.send(b"more").take(4) == b"more"


@pytest.mark.parametrize("make", [Echo, lambda: BufferedEcho(1021), streams])
def test_tunnel_carries_megabytes_both_ways(make_site: MakeSite, make: Callable[[], object]) -> None:
    sent = os.urandom(3 << 20)
    peer = make_site(app_of(make)).peer()
    sender = threading.Thread(target=peer.send, args=(CONNECT + sent,))
    sender.start()
    assert switched(peer, 200).take(len(sent)) == sent
    sender.join()


def test_compiled_protocol_takes_over(make_site: MakeSite) -> None:
    site: Site = make_site(app_of(lambda: HttpConnection(site.loop.service)))
    peer = site.peer()
    for _ in range(3):  # HTTP within HTTP within HTTP
        switched(peer.send(request(fields=ASKED) + request("/other")))
        assert peer.answer().body == b"other"
    assert site.connections() == 1
    peer.close()
    assert eventually(lambda: site.connections() == 0)


# Bodies.


async def read_nothing() -> Upgrade:
    return Upgrade(Echo, protocol="echo")


async def read_first(request: Request) -> Upgrade:
    async for _ in request.stream():
        break
    return Upgrade(Echo, protocol="echo")


async def read_all(request: Request) -> Upgrade:
    assert await request.body() in (b"b" * 5, b"b" * 100_000)
    return Upgrade(Echo, protocol="echo")


CHUNKED = "Transfer-Encoding: chunked\r\n"
# fields beyond those that ask, body as sent
BODIES = [("", b"b" * 5), ("", b"b" * 100_000), (CHUNKED, b"5\r\nbbbbb\r\n0\r\n\r\n")]


@pytest.mark.parametrize(("fields", "body"), BODIES)
@pytest.mark.parametrize("handler", [read_nothing, read_first, read_all])
def test_switch_comes_behind_the_body(
    make_site: MakeSite, handler: Callable[..., Any], fields: str, body: bytes
) -> None:
    site = make_site(Router().route("/", post(handler)))
    fields += ASKED if fields else f"Content-Length: {len(body)}\r\n{ASKED}"
    head = request(method="POST", fields=fields)
    assert switched(site.peer().send(head + body + RAW)).take(len(RAW)) == RAW
    peer = site.peer().send(head + body[:3])
    assert peer.silent()
    assert switched(peer.send(body[3:] + RAW)).take(len(RAW)) == RAW


def test_body_that_waits_for_100_is_asked_for_before_the_switch(make_site: MakeSite) -> None:
    site = make_site(Router().route("/", post(read_nothing)))
    fields = f"{ASKED}Expect: 100-continue\r\nContent-Length: 4\r\n"
    peer = site.peer().send(request(method="POST", fields=fields))
    assert peer.answer().status == 100
    assert peer.silent()
    assert switched(peer.send(b"bodyraw")).take(3) == b"raw"


@pytest.mark.parametrize(("fields", "body", "status"), [
    (CHUNKED, b"5\r\nbb", 0), (CHUNKED, b"x\r\n", 400), (CHUNKED, b"10000\r\n" + b"b" * 0x10000, 413),
    ("Content-Length: 65536\r\n", b"b" * 65536, 413),
])
def test_body_that_is_refused_ends_the_connection(
    make_site: MakeSite, fields: str, body: bytes, status: int
) -> None:
    site = make_site(Router().route("/", post(read_nothing)), max_body_bytes=1000)
    peer = site.peer().send(request(method="POST", fields=fields + ASKED))
    peer.send(body)
    peer.socket.shutdown(socket.SHUT_WR)
    if status:
        assert peer.answer().status == status
    assert peer.rest() == b""


def test_body_error_that_the_handler_left_comes_before_the_upgrade(make_site: MakeSite) -> None:
    async def handler(request: Request) -> Upgrade:
        with pytest.raises(BodyError):
            await request.body()
        return Upgrade(Echo, protocol="echo")

    site = make_site(Router().route("/", post(handler)))
    peer = site.peer().send(request(method="POST", fields=CHUNKED + ASKED) + b"x\r\n")
    assert peer.answer().status == 400


# Its ends, and its pace.


@pytest.mark.parametrize("path", ["/", "/later"])
@pytest.mark.parametrize("raw", [b"", b"raw"])
def test_client_that_has_ended_its_side_is_told_of(make_site: MakeSite, path: str, raw: bytes) -> None:
    told: list[Any] = []
    peer = make_site(app_of(lambda: Echo(told))).peer().send(request(path, fields=ASKED) + raw)
    peer.socket.shutdown(socket.SHUT_WR)
    assert switched(peer).rest() == raw
    assert eventually(lambda: told[-1] == "lost")
    assert told == ["made", *([raw] if raw else []), "eof", "lost"]


@pytest.mark.parametrize("path", ["/", "/later"])
@pytest.mark.parametrize("ends", ["before", "after", "never"])
def test_protocol_that_pauses_gets_nothing_till_it_resumes(make_site: MakeSite, path: str, ends: str) -> None:
    told: list[Any] = []

    class Pausing(Echo):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.pause_reading()
            self.transport.write(b"paused")
            asyncio.get_running_loop().call_later(0.05, self.go_on)

        def go_on(self) -> None:
            self.told.append("resumes")
            self.transport.resume_reading()

    peer = make_site(app_of(lambda: Pausing(told))).peer().send(request(path, fields=ASKED) + b"12")
    if ends == "before":
        peer.socket.shutdown(socket.SHUT_WR)
    assert switched(peer).take(6) == b"paused"
    if ends != "before":
        peer.send(b"345")
    if ends == "after":
        peer.socket.shutdown(socket.SHUT_WR)
    assert peer.take(2 if ends == "before" else 5) == (b"12" if ends == "before" else b"12345")
    peer.close()
    assert eventually(lambda: told[-1] == "lost")
    assert told[:3] == ["made", "resumes", b"12"]
    assert told[-2:] == ["eof", "lost"]


def test_buffered_protocol_that_pauses_midway_gets_the_rest_later(make_site: MakeSite) -> None:
    class Slow(BufferedEcho):
        def buffer_updated(self, nbytes: int) -> None:
            super().buffer_updated(nbytes)
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self.transport.resume_reading)

    peer = make_site(app_of(Slow)).peer().send(request(fields=ASKED) + bytes(range(100)))
    assert switched(peer).take(100) == bytes(range(100))


def test_flow_control_of_writing_is_the_protocols(make_site: MakeSite) -> None:
    told: list[Any] = []

    class Flood(Echo):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.write(b"x" * 8_000_000)

    peer = make_site(app_of(lambda: Flood(told))).peer(receive_buffer=4096).send(CONNECT)
    switched(peer, 200)
    assert eventually(lambda: told == ["made", "pause"])
    assert peer.take(8_000_000) == b"x" * 8_000_000
    assert eventually(lambda: told == ["made", "pause", "resume"])


def test_no_timeout_of_http_applies_any_more(make_site: MakeSite) -> None:
    site = make_site(app_of(), head_timeout_s=0.2, keep_alive_timeout_s=0.2, write_timeout_s=0.2,
                     half_close_timeout_s=0.2)
    peer = switched(site.peer().send(request(fields=ASKED)))
    half_closed = switched(site.peer().send(CONNECT), 200)
    assert peer.silent(0.8)
    assert peer.send(b"raw").take(3) == b"raw"
    assert half_closed.send(b"raw").take(3) == b"raw"


def test_client_that_goes_while_the_rest_of_its_body_is_awaited_cleans_up(make_site: MakeSite) -> None:
    gone = threading.Event()

    async def handler(request: Request) -> Upgrade:
        request.on_disconnect(gone.set)
        return Upgrade(Echo, protocol="echo")

    site = make_site(Router().route("/", post(handler)))
    peer = site.peer().send(request(method="POST", fields=f"Content-Length: 5\r\n{ASKED}") + b"b")
    assert peer.silent()
    peer.reset()
    assert gone.wait(5)
    assert eventually(lambda: site.connections() == 0)


def test_hundreds_of_upgrades_leave_nothing(make_site: MakeSite) -> None:
    site = make_site(app_of())

    def rounds(count: int) -> None:
        for n in range(count):
            with site.peer() as peer:
                sent = (request("/later" if n % 2 else "/", fields=ASKED), CONNECT)[n % 3 == 0]
                peer.send(sent + b"raw").answer()
                assert peer.take(3) == b"raw"
        site._peers.clear()
        assert eventually(lambda: live("Echo", "HttpConnection", "Stream") <= others)

    def live(*names: str) -> int:
        site.call(lambda: asyncio.sleep(0.001))
        gc.collect()
        return sum(type(each).__name__ in names for each in gc.get_objects())

    # What earlier tests have left to be collected.
    others = live("Echo", "HttpConnection", "Stream")
    rounds(20)
    before = len(os.listdir("/proc/self/fd")), len(gc.get_objects())
    rounds(300)
    assert len(os.listdir("/proc/self/fd")) == before[0]
    assert len(gc.get_objects()) < before[1] + 100
