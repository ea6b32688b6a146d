"""Answers that are streamed: framing, pace, ends, failures and trailers."""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from served import PATIENCE, Peer, Site, eventually, request

from fastloop_http import Request, Router, Stream, Upgrade, get, post

MakeSite = Callable[..., Site]
MEBIBYTE = 1 << 20


def each(*pieces: Any) -> Iterator[Any]:
    yield from pieces


async def later(*pieces: Any) -> AsyncIterator[Any]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


async def at_once(*pieces: Any) -> AsyncIterator[Any]:
    for piece in pieces:
        yield piece


class Iterable:
    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a", b"b"])


def dechunked(peer: Peer) -> tuple[bytes, list[str]]:
    """Return the body in chunks that follows a head, and its trailers."""
    body, trailers = b"", []
    while size := int(line(peer), 16):
        body += peer.take(size)
        assert peer.take(2) == b"\r\n"
    while field := line(peer):
        trailers.append(field)
    return body, trailers


def line(peer: Peer) -> str:
    read = b""
    while not read.endswith(b"\r\n"):
        read += peer.take(1)
    return read[:-2].decode()


def asked(make_site: MakeSite, answer: Callable[[], Any], sent: bytes = request(), **options: Any) -> Peer:
    """Serve what answer() returns; return a peer that has asked for it."""

    async def handler() -> Any:
        return answer()

    app = Router().route("/", get(handler)).route("/other", get(lambda: "other"))
    return make_site(app, **options).peer().send(sent)


# Framing.

# what the handler answers, the body of it
BODIES = [
    (lambda: each(b"a", b"bc"), b"abc"),
    (lambda: later(b"a", b"bc"), b"abc"),
    (lambda: at_once(b"a", b"bc"), b"abc"),
    (lambda: each(), b""),
    (lambda: later(), b""),
    (lambda: each(b"", b"a", b"", "é", bytearray(b"b"), memoryview(b"c")), b"a\xc3\xa9bc"),
    (lambda: iter([b"a"]), b"a"),
    (lambda: Stream([b"a", b"b"]), b"ab"),
    (lambda: Stream(Iterable()), b"ab"),
    (lambda: Stream(later(b"a")), b"a"),
    (lambda: each(*[b"x" * 5000] * 100), b"x" * 500_000),
    (lambda: later(*[b"x" * 100_000] * 10), b"x" * 1_000_000),
]
IDS = [str(number) for number in range(len(BODIES))]


@pytest.mark.parametrize(("answer", "body"), BODIES, ids=IDS)
@pytest.mark.parametrize("times", [1, 3])
def test_iterators_are_sent_in_chunks_and_the_connection_goes_on(
    make_site: MakeSite, answer: Callable[[], Any], body: bytes, times: int
) -> None:
    peer = asked(make_site, answer, request() * times + request("/other"))
    for _ in range(times):
        head = peer.answer()
        assert head.status == 200
        assert head.headers["transfer-encoding"] == "chunked"
        assert head.headers["content-type"] == "application/octet-stream"
        assert "content-length" not in head.headers
        assert "date" in head.headers
        assert dechunked(peer) == (body, [])
    assert peer.answer().body == b"other"


@pytest.mark.parametrize(("answer", "body"), BODIES, ids=IDS)
def test_http_1_0_gets_the_body_up_to_the_end_of_the_connection(
    make_site: MakeSite, answer: Callable[[], Any], body: bytes
) -> None:
    peer = asked(make_site, answer, request(minor=0, fields="Connection: keep-alive\r\n"))
    head = peer.answer()
    assert head.headers["connection"] == "close"
    assert "transfer-encoding" not in head.headers
    assert peer.rest() == body


@pytest.mark.parametrize("minor", [0, 1])
def test_known_length_needs_no_chunks(make_site: MakeSite, minor: int) -> None:
    keep = "Connection: keep-alive\r\n"
    peer = asked(
        make_site, lambda: Stream(later(b"ab", b"c"), content_length=3),
        request(minor=minor, fields=keep) + request("/other"),
    )
    answer = peer.answer()
    assert (answer.body, answer.headers["content-length"]) == (b"abc", "3")
    assert "transfer-encoding" not in answer.headers
    assert peer.answer().body == b"other"


def test_status_and_fields_stand_before_the_stream(make_site: MakeSite) -> None:
    peer = asked(make_site, lambda: (202, {"Content-Type": "text/csv", "X-A": "b"}, each(b"1,2\n")))
    head = peer.answer()
    assert (head.status, head.headers["content-type"], head.headers["x-a"]) == (202, "text/csv", "b")
    assert dechunked(peer)[0] == b"1,2\n"


def test_head_gets_the_fields_and_no_body(make_site: MakeSite) -> None:
    closed = []

    def pieces() -> Iterator[bytes]:
        try:
            yield b"never"
        finally:
            closed.append(True)

    peer = asked(make_site, pieces, request(method="HEAD") + request("/other"))
    assert peer.answer(head_only=True).headers["transfer-encoding"] == "chunked"
    assert peer.answer().body == b"other"
    assert not closed


def test_head_with_a_body_that_nobody_reads_keeps_its_connection(make_site: MakeSite) -> None:
    peer = asked(make_site, each, request(method="HEAD", fields="Content-Length: 10\r\n"))
    assert peer.answer(head_only=True).status == 200
    assert peer.send(b"0123456789" + request("/other")).answer().body == b"other"


def test_head_of_http_1_0_keeps_its_connection(make_site: MakeSite) -> None:
    keep = "Connection: keep-alive\r\n"
    peer = asked(make_site, each, request(method="HEAD", minor=0, fields=keep) + request("/other"))
    assert peer.answer(head_only=True).headers["connection"] == "keep-alive"
    assert peer.answer().body == b"other"


@pytest.mark.parametrize("status", [204, 205, 304])
def test_status_without_a_body_takes_no_stream(make_site: MakeSite, status: int) -> None:
    assert asked(make_site, lambda: (status, each(b"x"))).answer().status == 500


# Trailers, RFC 9110 section 6.5.

@pytest.mark.parametrize(
    "trailers", [{"X-Sum": "1", "y": "2"}, [("X-Sum", "1"), ("y", "2")], lambda: {"x-sum": "1", "y": "2"}]
)
def test_trailers_follow_the_last_chunk(make_site: MakeSite, trailers: Any) -> None:
    peer = asked(make_site, lambda: Stream(each(b"a"), trailers=trailers), request() + request("/other"))
    peer.answer()
    assert dechunked(peer) == (b"a", ["x-sum: 1", "y: 2"])
    assert peer.answer().body == b"other"


@pytest.mark.parametrize("trailers", [{"a": "b\r\nc: d"}, {"a b": "c"}, {"a": 1}, {"content-length": "1"}, 5])
def test_trailer_that_is_no_field_cuts_the_answer(make_site: MakeSite, trailers: Any) -> None:
    peer = asked(make_site, lambda: Stream(each(b"a"), trailers=trailers))
    with pytest.raises(ConnectionResetError):
        peer.answer() and dechunked(peer)


# Pace.

def test_next_piece_is_asked_for_when_the_client_has_taken_enough(make_site: MakeSite) -> None:
    made = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        while made < 40:
            made += 1
            yield bytes(MEBIBYTE)

    peer = asked(make_site, pieces)
    peer.answer()
    seen = -1
    while seen != made:
        seen = made
        time.sleep(0.1)
    assert made < 20
    assert len(dechunked(peer)[0]) == 40 * MEBIBYTE
    assert made == 40


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_iterator_that_never_waits_lets_others_be_answered(make_site: MakeSite, kind: str) -> None:
    ended = threading.Event()

    def endless() -> Iterator[bytes]:
        while not ended.is_set():
            yield b"x" * 1000

    async def endless_async() -> AsyncIterator[bytes]:
        while not ended.is_set():
            yield b"x" * 1000

    make = {"sync": endless, "async": endless_async}[kind]
    site = make_site(Router().route("/", get(lambda: make())).route("/other", get(lambda: "other")))
    reader = site.peer().send(request())

    def read() -> None:
        with contextlib.suppress(OSError):
            while reader.socket.recv(MEBIBYTE):
                pass

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(10):
        assert site.get("/other").body == b"other"
    ended.set()
    reader.socket.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_pieces_are_sent_as_they_come(make_site: MakeSite) -> None:
    gate = threading.Event()

    async def pieces() -> AsyncIterator[bytes]:
        await asyncio.to_thread(gate.wait, PATIENCE)
        yield b"first"
        gate.clear()
        await asyncio.to_thread(gate.wait, PATIENCE)
        yield b"second"

    peer = asked(make_site, pieces)
    assert peer.answer().status == 200
    assert peer.silent()
    gate.set()
    assert peer.take(10) == b"5\r\nfirst\r\n"
    assert peer.silent()
    gate.set()
    assert peer.take(16) == b"6\r\nsecond\r\n0\r\n\r\n"


def test_body_can_be_streamed_back_while_it_comes(make_site: MakeSite) -> None:
    async def echo(request: Request) -> AsyncIterator[bytes]:
        return (piece.upper() async for piece in request.stream())

    site = make_site(Router().route("/", post(echo)))
    peer = site.peer().send(request("/", "POST", fields="Transfer-Encoding: chunked\r\n"))
    assert peer.answer().status == 200
    for word in (b"one", b"three"):
        peer.send(b"%x\r\n%s\r\n" % (len(word), word))
        assert int(line(peer), 16) == len(word)
        assert peer.take(len(word)) == word.upper()
        assert peer.take(2) == b"\r\n"
    peer.send(b"0\r\n\r\n")
    assert dechunked(peer) == (b"", [])


# Ends that are none.

class Broken(Exception):
    pass


def failing(*pieces: bytes) -> Iterator[bytes]:
    yield from pieces
    raise Broken


async def failing_later(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    await asyncio.sleep(0)
    raise Broken


@pytest.mark.parametrize(
    "answer",
    [
        lambda: failing(), lambda: failing(b"a"), lambda: failing_later(b"a"), lambda: each(b"a", 1),
        lambda: Stream(failing(b"a"), content_length=2), lambda: Stream(each(b"a"), content_length=2),
        lambda: Stream(each(b"ab", b"c"), content_length=2), lambda: Stream(later(b"abc"), content_length=2),
    ],
)
@pytest.mark.parametrize("minor", [0, 1])
def test_failing_stream_is_logged_once_and_its_client_sees_that_it_is_cut(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture, answer: Callable[[], Any], minor: int
) -> None:
    caplog.set_level(logging.ERROR, "fastloop_http")
    peer = asked(make_site, answer, request(minor=minor))
    with pytest.raises(ConnectionResetError):
        peer.rest()
    assert eventually(lambda: caplog.records)
    (record,) = caplog.records
    assert record.getMessage() == "streamed answer to 'GET /' failed"
    assert record.exc_info is not None


@pytest.mark.parametrize("leave", [Peer.close, Peer.reset])
@pytest.mark.parametrize("waits", [True, False])
def test_iterator_is_closed_when_its_client_goes_away(
    make_site: MakeSite, leave: Callable[[Peer], None], waits: bool
) -> None:
    closed = threading.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"begun"
            while True:
                if waits:
                    await asyncio.sleep(60)
                yield bytes(MEBIBYTE)
        finally:
            closed.set()

    peer = asked(make_site, pieces, half_close_timeout_s=0.1)
    peer.answer()
    leave(peer)
    assert closed.wait(PATIENCE)


def test_half_closed_client_that_goes_on_reading_gets_all(make_site: MakeSite) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            await asyncio.sleep(0.05)
            yield b"x" * 1000

    peer = asked(make_site, pieces, half_close_timeout_s=0.2)
    peer.socket.shutdown(socket.SHUT_WR)
    peer.answer()
    assert dechunked(peer)[0] == b"x" * 20_000


def test_client_that_takes_nothing_more_after_its_end_is_gone_the_first_time(make_site: MakeSite) -> None:
    ended = threading.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"before its end"
            await asyncio.sleep(60)
        finally:
            ended.set()

    peer = asked(make_site, pieces, half_close_timeout_s=2.0)
    peer.answer()
    peer.take(len(b"e\r\nbefore its end\r\n"))
    begun = time.monotonic()
    peer.socket.shutdown(socket.SHUT_WR)
    assert ended.wait(PATIENCE)
    # What was sent before is no sign of life.
    assert time.monotonic() - begun < 3.9


# Wrong streams.

@pytest.mark.parametrize(
    ("pieces", "options", "error"),
    [
        (1, {}, "Stream takes an iterable or an async iterable of bytes, not 1"),
        ([], {"content_length": -1}, "content_length must be an int from 0, or None, not -1"),
        ([], {"content_length": "1"}, "content_length must be an int from 0, or None, not '1'"),
        ([], {"content_length": 1, "trailers": {}},
         "trailers go behind a body in chunks; leave out content_length"),
    ],
)
def test_wrong_streams_are_refused(pieces: Any, options: dict[str, Any], error: str) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        Stream(pieces, **options)
    assert str(raised.value) == error


@pytest.mark.parametrize("answer", [
    lambda: (204, each(b"a")),
    lambda: (200, {"a\n": "b"}, each(b"a")),
    lambda: (201, Upgrade(asyncio.Protocol)),
])
def test_body_behind_what_only_looked_like_a_stream_is_dropped(
    make_site: MakeSite, answer: Callable[[], Any]
) -> None:
    site = make_site(Router().route("/", post(answer).get(lambda: "next")))
    head, body = request(method="POST", body=b"b" * 200_000).split(b"\r\n\r\n")
    peer = site.peer().send(head + b"\r\n\r\n" + body[:1])
    assert peer.answer().status == 500
    assert peer.send(body[1:] + request()).answer().body == b"next"


def test_body_of_head_is_dropped_where_the_answer_would_be_streamed(make_site: MakeSite) -> None:
    site = make_site(Router().route("/", get(lambda: each(b"a"))).route("/next", get(lambda: "next")))
    head, body = request(method="HEAD", body=b"b" * 200_000).split(b"\r\n\r\n")
    peer = site.peer().send(head + b"\r\n\r\n" + body[:1])
    assert peer.answer(head_only=True).status == 200
    assert peer.send(body[1:] + request("/next")).answer().body == b"next"
