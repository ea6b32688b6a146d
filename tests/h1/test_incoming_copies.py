"""Bodies of known size, received where they are to stay: every byte in its place, and none beside."""

import asyncio
import hashlib
import io
import random
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from served import PATIENCE, Site, request

from fastloop_http import Request, Router, get, post

MakeSite = Callable[..., Site]
KIB, MIB = 1 << 10, 1 << 20
SIZES = [1, 8 * KIB - 1, 8 * KIB + 1, 120 * KIB, 128 * KIB + 1, 300 * KIB, MIB, 5 * MIB + 3]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def whole(request: Request) -> str:
    return digest(await request.body())


async def pieces(request: Request) -> str:
    return digest(b"".join([piece async for piece in request.stream()]))


async def hashed(request: Request) -> str:
    """Keep nothing but what each piece has hashed to: its memory may be another's next."""
    found = hashlib.sha256()
    async for piece in request.stream():
        assert piece
        hash(piece)
        found.update(piece)
    return found.hexdigest()


async def late(request: Request) -> str:
    await asyncio.sleep(0.05)
    return digest(await request.body())


async def given_up(request: Request) -> str:
    """Wait for all of it, but not long; then read it piece by piece."""
    try:
        async with asyncio.timeout(0.02):
            return digest(await request.body())
    except TimeoutError:
        return await pieces(request)


async def given_up_twice(request: Request) -> str:
    for seconds in (0.01, 0.02):
        try:
            async with asyncio.timeout(seconds):
                return digest(await request.body())
        except TimeoutError:
            continue
    return digest(await request.body())


HANDLERS = {
    call.__name__: call for call in (whole, pieces, hashed, late, given_up, given_up_twice)
}


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    app = Router().route("/", get(lambda: "root"))
    for name, call in HANDLERS.items():
        app = app.route(f"/{name}", post(call))
    return make_site(app, max_body_bytes=100 * MIB)


@pytest.mark.parametrize("name", HANDLERS)
@pytest.mark.parametrize("size", SIZES)
def test_every_byte_is_in_its_place_and_the_next_request_beside(site: Site, name: str, size: int) -> None:
    rng = random.Random(size)
    body = rng.randbytes(size)
    sent = request(f"/{name}", "POST", body) + request()
    peer = site.peer()
    for _ in range(2):
        at = 0
        while at < len(sent):
            # Much at once and little at once, by turns, with time for it to be read alone.
            step = rng.choice([100, 9 * KIB, 50 * KIB, 200 * KIB, MIB])
            peer.send(sent[at : at + step])
            at += step
        assert peer.answer().body.decode() == digest(body)
        assert peer.answer().body == b"root"


def in_another_thread(piece: bytes) -> Callable[[], bytes]:
    """Have a thread of its own hold the piece until it is asked for."""
    asked = threading.Event()
    found: list[bytes] = []

    def hold(held: bytes) -> None:
        asked.wait(PATIENCE)
        found.append(bytes(bytearray(held)))

    thread = threading.Thread(target=hold, args=(piece,))
    thread.start()

    def ask() -> bytes:
        asked.set()
        thread.join()
        return found[0]

    return ask


def as_key(piece: bytes) -> Callable[[], bytes]:
    known = {piece: piece[:1]}

    def look_up() -> bytes:
        (key,) = known
        assert known[bytes(bytearray(key))] == key[:1]
        return key

    return look_up


def as_slice(piece: bytes) -> Callable[[], bytes]:
    first, view = piece[:1], memoryview(piece)[1:]
    return lambda: first + bytes(view)


# how a piece is kept: a call that keeps it, and returns what gives it back
KEEPERS: dict[str, Callable[[bytes], Callable[[], bytes]]] = {
    "itself": lambda piece: lambda: piece,
    "a view": lambda piece: memoryview(piece).tobytes,
    "a slice of a view": as_slice,
    "a key": as_key,
    "a thread": in_another_thread,
    "a reader": lambda piece: io.BytesIO(piece).getvalue,
}


@pytest.mark.parametrize("how", KEEPERS)
@pytest.mark.parametrize("every", [1, 3])
def test_pieces_that_are_kept_stay_as_they_are(make_site: MakeSite, how: str, every: int) -> None:
    kept: list[Callable[[], bytes]] = []

    async def keep(request: Request) -> str:
        count = 0
        async for piece in request.stream():
            kept.append(KEEPERS[how](piece if count % every == 0 else bytes(bytearray(piece))))
            count += 1
        return "kept"

    site = make_site(Router().route("/", post(keep)).route("/hashed", post(hashed)))
    rng = random.Random(1)
    body, other = rng.randbytes(3 * MIB), rng.randbytes(3 * MIB)
    assert site.peer().send(request("/", "POST", body)).answer().body == b"kept"
    for _ in range(2):
        assert site.peer().send(request("/hashed", "POST", other)).answer().body.decode() == digest(other)
    assert b"".join(ask() for ask in kept) == body


def test_hash_of_a_piece_is_that_of_its_bytes(make_site: MakeSite) -> None:
    async def compare(request: Request) -> str:
        return repr({hash(piece) == hash(bytes(bytearray(piece))) async for piece in request.stream()})

    site = make_site(Router().route("/", post(compare)))
    peer = site.peer()
    for size in (3 * MIB, 200 * KIB + 7, 3 * MIB):
        peer.send(request("/", "POST", random.Random(size).randbytes(size)))
        assert peer.answer().body == b"{True}"


def test_small_pieces_that_are_kept_keep_little_memory(make_site: MakeSite) -> None:
    kept: list[bytes] = []

    async def keep(request: Request) -> str:
        kept.extend([piece async for piece in request.stream()])
        return "kept"

    site = make_site(Router().route("/", post(keep)))
    size, count = 10 * KIB, 100
    peer = site.peer().send(request("/", "POST", fields=f"Content-Length: {count * size}\r\n"))
    tracemalloc.start()
    try:
        for number in range(count):
            peer.send(bytes([number]) * size)
            site.get("/nowhere")
        assert peer.answer().body == b"kept"
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert b"".join(kept) == b"".join(bytes([number]) * size for number in range(count))
    assert taken < 4 * count * size


def test_body_that_does_not_come_is_not_waited_for_in_memory(make_site: MakeSite) -> None:
    began = threading.Event()

    async def wait(request: Request) -> bytes:
        began.set()
        return await request.body()

    size = 200 << 30
    site = make_site(Router().route("/", post(wait)), max_body_bytes=2**31 - 1)
    peer = site.peer().send(request("/", "POST", fields=f"Content-Length: {2**31 - 1}\r\n") + b"x")
    assert began.wait(PATIENCE)
    with open("/proc/self/statm") as statm:
        assert int(statm.read().split()[1]) * 4096 < 2**31
    peer.reset()
    peer = site.peer().send(request("/", "POST", fields=f"Content-Length: {size}\r\n") + b"x")
    assert peer.answer().status == 413


@pytest.mark.parametrize("sent", [b"", b"x" * 10])
def test_end_of_a_stream_is_told_to_anext(make_site: MakeSite, sent: bytes) -> None:
    async def read(request: Request) -> str:
        stream = request.stream()
        found: list[Any] = [await anext(stream, None) for _ in range(3)]
        return repr(found)

    site = make_site(Router().route("/", post(read)))
    expected = repr([sent or None, None, None]).encode()
    assert site.peer().send(request("/", "POST", sent)).answer().body == expected
    peer = site.peer().send(request("/", "POST", fields=f"Content-Length: {len(sent)}\r\n"))
    assert peer.send(sent).answer().body == expected
