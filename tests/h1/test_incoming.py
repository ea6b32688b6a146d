"""Request bodies: whole and as they come, in every framing, with backpressure; bodies nobody reads."""

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from served import PATIENCE, Peer, Site, eventually, request

from fastloop_http import Request, Router, get, post

MakeSite = Callable[..., Site]
CHUNKED = "Transfer-Encoding: chunked\r\n"
EXPECT = "Expect: 100-continue\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MEBIBYTE = 1 << 20


async def echo(request: Request) -> bytes:
    return await request.body()


async def stream(request: Request) -> dict[str, Any]:
    pieces = [piece async for piece in request.stream()]
    return {"body": b"".join(pieces).decode(), "empty": b"" in pieces, "trailers": request.trailers}


async def late(request: Request) -> bytes:
    """Read only when the body has had time to come."""
    await asyncio.sleep(0.02)
    return await request.body()


async def first(request: Request) -> bytes:
    """Read one piece and leave the rest."""
    async for piece in request.stream():
        return piece
    return b"nothing"


APP = (
    Router()
    .route("/", get(lambda: "root").post(lambda: "ignored"))
    .route("/echo", post(echo))
    .route("/late", post(late))
    .route("/stream", post(stream))
    .route("/first", post(first))
)


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site(APP)


def chunked(path: str, body: bytes, fields: str = "") -> bytes:
    return request(path, "POST", fields=CHUNKED + fields) + body


# Framings.

# chunks as sent, the body they carry, its trailers
CHUNKS = [
    (b"0\r\n\r\n", "", []),
    (b"4\r\nbody\r\n0\r\n\r\n", "body", []),
    (b"1\r\na\r\n2\r\nbc\r\n000\r\n\r\n", "abc", []),
    (b"A;x=1;y=\"z\"\r\n0123456789\r\n0\r\n\r\n", "0123456789", []),
    (b"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", []),
    (b"1\r\na\r\n0\r\nX-Sum: 1\r\nY: \xe9 \r\n\r\n", "a", [["x-sum", "1"], ["y", "\xe9"]]),
]


@pytest.mark.parametrize("path", ["/echo", "/late"])
@pytest.mark.parametrize(("chunks", "body", "trailers"), CHUNKS)
def test_chunked_body_is_decoded_and_the_next_request_begins_behind_it(
    site: Site, path: str, chunks: bytes, body: str, trailers: list[str]
) -> None:
    peer = site.peer().send(chunked(path, chunks) + request())
    assert peer.answer().body == body.encode()
    assert peer.answer().body == b"root"


@pytest.mark.parametrize(("chunks", "body", "trailers"), CHUNKS)
def test_chunked_body_may_come_byte_by_byte(
    site: Site, chunks: bytes, body: str, trailers: list[str]
) -> None:
    peer = site.peer()
    for byte in chunked("/echo", chunks) + chunked("/stream", chunks) + request():
        peer.send(bytes([byte]))
    assert peer.answer().body == body.encode()
    assert json.loads(peer.answer().body) == {"body": body, "empty": False, "trailers": trailers}
    assert peer.answer().body == b"root"


@pytest.mark.parametrize("cut", range(1, 40, 3))
@pytest.mark.parametrize(("chunks", "body", "trailers"), CHUNKS)
def test_streamed_pieces_are_the_body_and_trailers_come_after_it(
    site: Site, chunks: bytes, body: str, trailers: list[str], cut: int
) -> None:
    message = chunked("/stream", chunks)
    at = max(len(message) - cut, 1)
    peer = site.peer().send(message[:at])
    site.get()
    answer = json.loads(peer.send(message[at:]).answer().body)
    assert answer == {"body": body, "empty": False, "trailers": trailers}


@pytest.mark.parametrize("path", ["/echo", "/stream", "/"])
@pytest.mark.parametrize(
    "chunks",
    [
        b"x\r\n", b"-1\r\n", b"1 \r\na\r\n0\r\n\r\n", b"0x1\r\na\r\n0\r\n\r\n", b"1\na\r\n0\r\n\r\n",
        b"1\r\nab\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n", b"1;\x00\r\na\r\n0\r\n\r\n",
        b"0\r\nContent-Length: 1\r\n\r\n", b"0\r\n bad: 1\r\n\r\n",
    ],
)
def test_nothing_behind_malformed_chunks_is_parsed(site: Site, path: str, chunks: bytes) -> None:
    peer = site.peer().send(chunked(path, chunks) + request() * 3)
    answer = peer.answer()
    assert answer.status == (200 if path == "/" else 400)
    assert answer.headers["connection"] == "close"
    assert peer.rest() == b""
    assert site.get().status == 200


def test_malformed_chunks_that_come_late_are_told_to_who_reads(site: Site) -> None:
    peer = site.peer().send(chunked("/stream", b"3\r\nabc\r\n"))
    site.get()
    answer = peer.send(b"nonsense\r\n" + request()).answer()
    assert (answer.status, answer.body) == (400, b"invalid byte in chunk size\n")
    assert peer.rest() == b""


# Limits.

# how a body of 6 bytes is announced, where 5 may be gathered
SIX = [request("/echo", "POST", b"123456"), chunked("/echo", b"3\r\n123\r\n3\r\n456\r\n0\r\n\r\n")]


@pytest.mark.parametrize("message", SIX)
@pytest.mark.parametrize("cut", [None, -4])
def test_gathered_body_over_the_limit_is_a_413(make_site: MakeSite, message: bytes, cut: int | None) -> None:
    site = make_site(APP, max_body_bytes=5)
    peer = site.peer().send(message[:cut])
    if cut:
        site.get()
        peer.send(message[cut:])
    answer = peer.answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert answer.body == b"body too large: 6 bytes, limit 5\n"
    assert peer.rest() == b""


def test_streamed_body_has_no_limit(make_site: MakeSite) -> None:
    site = make_site(APP, max_body_bytes=5)
    for message in SIX:
        answer = site.peer().send(message.replace(b"/echo", b"/stream")).answer()
        assert b"123456" in answer.body


def test_announced_size_alone_is_refused_before_anything_is_sent(site: Site) -> None:
    head = f"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {2**63 - 1}\r\n{EXPECT}\r\n"
    peer = site.peer().send(head.encode())
    assert peer.answer().status == 413
    assert peer.rest() == b""


# Expect, RFC 9110 section 10.1.1.

@pytest.mark.parametrize("path", ["/echo", "/stream", "/late", "/first"])
@pytest.mark.parametrize("framing", ["Content-Length: 4\r\n", CHUNKED])
def test_client_is_told_to_go_on_when_the_handler_reads(site: Site, path: str, framing: str) -> None:
    body = b"4\r\nbody\r\n0\r\n\r\n" if framing == CHUNKED else b"body"
    peer = site.peer().send(request() + request(path, "POST", fields=framing + EXPECT))
    assert peer.answer().body == b"root"
    assert peer.take(25) == CONTINUE
    assert peer.silent()
    answer = peer.send(body[:2]).send(body[2:]).answer()
    assert answer.status == 200
    assert peer.send(request()).answer().body == b"root"


def test_client_is_not_told_to_go_on_when_nobody_reads(site: Site) -> None:
    peer = site.peer().send(request("/", "POST", fields="Content-Length: 4\r\n" + EXPECT))
    answer = peer.answer()
    # It may send the body, or another request: nobody could tell which.
    assert (answer.body, answer.headers["connection"]) == (b"ignored", "close")
    assert peer.rest() == b""


@pytest.mark.parametrize("minor", [0, 1])
def test_client_that_sent_its_body_or_knows_no_100_is_not_told_to_go_on(site: Site, minor: int) -> None:
    message = request("/echo", "POST", b"body", EXPECT, minor)
    peer = site.peer()
    if minor == 0:
        peer.send(message[:-4])
        site.get()
        message = message[-4:]
    answer = peer.send(message).answer()
    assert (answer.status, answer.body) == (200, b"body")


# Bodies nobody reads.

@pytest.mark.parametrize("path", ["/", "/nowhere", "/first"])
@pytest.mark.parametrize("framing", [CHUNKED, "Content-Length: 60000\r\n"])
def test_rest_of_a_small_body_is_dropped_and_the_connection_goes_on(
    site: Site, path: str, framing: str
) -> None:
    body = b"x" * 60_000
    if framing == CHUNKED:
        body = b"".join(b"%x\r\n%s\r\n" % (10_000, b"x" * 10_000) for _ in range(6)) + b"0\r\n\r\n"
    peer = site.peer().send(request(path, "POST", fields=framing) + body[:10])
    answer = peer.answer()
    assert "connection" not in answer.headers
    assert peer.send(body[10:] + request()).answer().body == b"root"


@pytest.mark.parametrize("framing", [CHUNKED, "Content-Length: 20000000\r\n"])
def test_answer_before_the_end_of_a_large_body_is_not_lost(site: Site, framing: str) -> None:
    peer = site.peer().send(request("/", "POST", fields=framing))
    body = b"%x\r\n%s" % (20_000_000, b"x" * 20_000_000) if framing == CHUNKED else b"x" * 20_000_000
    sent = 0
    try:
        while sent < len(body):
            sent += peer.socket.send(body[sent:sent + 100_000])
            if sent == 100_000:
                assert peer.answer().body == b"ignored"
    except (BrokenPipeError, ConnectionResetError):
        assert sent > 100_000
    assert eventually(lambda: site.connections() == 0)


def test_refused_request_is_answered_though_its_client_goes_on_sending(site: Site) -> None:
    peer = site.peer().send(b"garbage\r\n\r\n")
    time.sleep(0.02)
    peer.send(b"x" * 100_000)
    assert peer.answer().status == 400
    assert peer.rest() == b""


# Backpressure.

def sent_till_it_blocks(peer: Peer, total: int) -> int:
    """Send zeros till the server takes no more, or total bytes; return how many were sent."""
    sent = 0
    peer.socket.settimeout(0.5)
    try:
        while sent < total:
            sent += peer.socket.send(bytes(MEBIBYTE))
    except TimeoutError:
        pass
    return sent


def test_handler_that_does_not_read_makes_its_client_wait(make_site: MakeSite) -> None:
    read = threading.Event()
    sizes: list[int] = []

    async def handler(request: Request) -> str:
        await asyncio.to_thread(read.wait, 20)
        async for piece in request.stream():
            sizes.append(len(piece))
        return str(sum(sizes))

    site = make_site(Router().route("/", post(handler)))
    total = 64 * MEBIBYTE
    peer = site.peer().send(request("/", "POST", fields=f"Content-Length: {total}\r\n"))
    sent = sent_till_it_blocks(peer, total)
    assert sent < 32 * MEBIBYTE
    read.set()
    peer.socket.settimeout(20)
    peer.send(bytes(total - sent))
    assert peer.answer().body == str(total).encode()
    assert max(sizes) < 2 * MEBIBYTE


def test_large_bodies_are_gathered_and_streamed_whole(make_site: MakeSite) -> None:
    async def gathered(request: Request) -> str:
        return hashlib.sha256(await request.body()).hexdigest()

    async def streamed(request: Request) -> str:
        digest = hashlib.sha256()
        async for piece in request.stream():
            digest.update(piece)
            await asyncio.sleep(0)
        return digest.hexdigest()

    app = Router().route("/gathered", post(gathered)).route("/streamed", post(streamed))
    site = make_site(app, max_body_bytes=20 * MEBIBYTE)
    body = bytes(range(256)) * (20 * MEBIBYTE // 256)
    expected = hashlib.sha256(body).hexdigest().encode()
    pieces = [body[at:at + 70_001] for at in range(0, len(body), 70_001)]
    in_chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    peer = site.peer()
    for path in ("/gathered", "/streamed"):
        assert peer.send(request(path, "POST", body)).answer().body == expected
        assert peer.send(chunked(path, in_chunks)).answer().body == expected


# Reading in odd ways.

async def twice(request: Request) -> bytes:
    return await request.body() + await request.body() + b"".join([p async for p in request.stream()])


async def body_after_stream(request: Request) -> bytes:
    async for _ in request.stream():
        break
    return await request.body()


async def side_by_side(request: Request) -> str:
    first = asyncio.ensure_future(request.body())
    await asyncio.sleep(0)
    try:
        await request.body()
    except RuntimeError as exc:
        await first
        return str(exc)
    return "both"


@pytest.mark.parametrize(
    ("handler", "status", "body"),
    [
        (twice, 200, b"abcabcabc"),
        (body_after_stream, 500, b"Internal Server Error"),
        (side_by_side, 200, b"the body is being read by another task already; read it in one place"),
    ],
)
def test_reading_twice(make_site: MakeSite, handler: Callable, status: int, body: bytes) -> None:
    site = make_site(Router().route("/", post(handler)))
    peer = site.peer().send(chunked("/", b"1\r\na\r\n"))
    site.get("/other")
    answer = peer.send(b"2\r\nbc\r\n0\r\n\r\n").answer()
    assert (answer.status, answer.body) == (status, body)


def test_piece_that_comes_before_it_is_awaited_is_not_waited_for(make_site: MakeSite) -> None:
    asked, come = threading.Event(), threading.Event()

    async def handler(request: Request) -> bytes:
        piece = anext(request.stream())
        asked.set()
        await asyncio.to_thread(come.wait, PATIENCE)
        return await asyncio.wait_for(piece, PATIENCE)

    site = make_site(Router().route("/", post(handler)), body_grace_s=None)
    peer = site.peer().send(chunked("/", b""))
    assert asked.wait(PATIENCE)
    peer.send(b"1\r\na\r\n")
    site.get("/other")
    come.set()
    assert peer.answer().body == b"a"


def test_reading_goes_on_after_a_wait_for_a_piece_that_was_given_up(make_site: MakeSite) -> None:
    given_up = threading.Event()

    async def handler(request: Request) -> bytes:
        stream = request.stream()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.01)
        given_up.set()
        return b"".join([piece async for piece in stream])

    site = make_site(Router().route("/", post(handler)))
    peer = site.peer().send(chunked("/", b""))
    assert given_up.wait(PATIENCE)
    assert peer.send(b"1\r\na\r\n").send(b"2\r\nbc\r\n0\r\n\r\n").answer().body == b"abc"


def test_body_of_an_answered_request_is_gone(make_site: MakeSite) -> None:
    kept: list[AsyncIterator[bytes]] = []

    async def handler(request: Request) -> str:
        kept.append(request.stream())
        return "kept"

    site = make_site(Router().route("/", post(handler)))
    peer = site.peer().send(chunked("/", b"1\r\na\r\n"))
    assert peer.answer().body == b"kept"

    async def read_on() -> bytes:
        return await anext(kept[0])

    with pytest.raises(RuntimeError, match="the body is gone: the request has been answered"):
        site.call(read_on)


# Clients that go away.

@pytest.mark.parametrize("leave", [Peer.close, Peer.reset])
@pytest.mark.parametrize("reads", [True, False])
def test_client_that_leaves_in_the_middle_cancels_its_handler(
    make_site: MakeSite, leave: Callable, reads: bool
) -> None:
    started, ended, told = threading.Event(), threading.Event(), threading.Event()
    endings: list[BaseException] = []

    async def handler(request: Request) -> None:
        request.on_disconnect(told.set)
        started.set()
        try:
            await (request.body() if reads else asyncio.sleep(60))
        except BaseException as exc:
            endings.append(exc)
            raise
        finally:
            ended.set()

    site = make_site(Router().route("/", post(handler)))
    peer = site.peer().send(chunked("/", b"1\r\na\r\n"))
    assert started.wait(20)
    leave(peer)
    assert ended.wait(20)
    assert told.wait(20)
    assert isinstance(endings[0], asyncio.CancelledError | ConnectionResetError)
    assert eventually(lambda: site.connections() == 0)


def test_what_is_called_when_the_client_leaves_must_be_callable(make_site: MakeSite) -> None:
    async def handler(request: Request) -> str:
        with pytest.raises(TypeError, match="on_disconnect takes a callable, not 1"):
            request.on_disconnect(1)
        request.on_disconnect(lambda: called.append(True))
        await asyncio.sleep(0)
        return "answered"

    called: list[bool] = []
    site = make_site(Router().route("/", get(handler)))
    with site.peer() as peer:
        assert peer.send(request()).answer().body == b"answered"
    assert eventually(lambda: site.connections() == 0)
    assert not called
