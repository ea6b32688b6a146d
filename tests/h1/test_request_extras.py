"""What few handlers ask of a Request: its route, extensions, a limit for its body, the body if it is here."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from served import Site, request

from fastloop_http import BodyError, Request, Router, get, post

MakeSite = Callable[..., Site]
CHUNKED = "Transfer-Encoding: chunked\r\n"


# The route.

@pytest.mark.parametrize(
    ("target", "matched"),
    [
        ("/", "/"),
        ("/?a=1", "/"),
        ("/users", "/users"),
        ("/users/1", "/users/{id}"),
        ("/users/%31", "/users/{id}"),
        ("http://site/users/1", "/users/{id}"),
        ("http://site/users", "/users"),
    ],
)
def test_matched_path_is_that_of_the_route_as_registered(
    make_site: MakeSite, target: str, matched: str
) -> None:
    def tell(request: Request) -> str:
        return str(request.matched_path)

    def tell_id(request: Request, id: str) -> str:
        return f"{request.matched_path}"

    router = Router().route("/", get(tell)).route("/users", get(tell)).route("/users/{id}", get(tell_id))
    with make_site(router).peer() as peer:
        for _ in range(2):
            peer.send(f"GET {target} HTTP/1.1\r\nHost: site\r\n\r\n".encode())
            assert peer.answer().body.decode() == matched


def test_matched_path_is_none_where_no_path_matches(make_site: MakeSite, monkeypatch: Any) -> None:
    seen = []
    app = Router().route("/", get(lambda: "root"))
    routes = app.compile()

    def dispatch(request: Request) -> object:
        answer = routes.dispatch(request)
        seen.append((request.method, request.matched_path))
        return answer

    monkeypatch.setattr(app, "compile", lambda: type(routes)(routes.exact, routes.tree, dispatch))
    with make_site(app).peer() as peer:
        assert peer.send(request("/a")).answer().status == 404
        assert peer.send(request(method="PUT")).answer().status == 405
    assert seen == [("GET", None), ("PUT", "/")]


def test_captures_are_what_python_code_has_set_and_one_requests_alone(make_site: MakeSite) -> None:
    def handler(request: Request) -> list[object]:
        before = request._captured
        request._captured = ("a", "b")
        return [before, request._captured]

    with make_site(Router().route("/", get(handler))).peer() as peer:
        for _ in range(2):
            assert peer.send(request()).answer().body == b'[null,["a","b"]]'


# Extensions.

def test_extensions_are_one_dict_a_request(make_site: MakeSite) -> None:
    def handler(request: Request) -> list[object]:
        before = dict(request.extensions)
        request.extensions["n"] = 1
        return [before, request.extensions is request.extensions, request.extensions]

    with make_site(Router().route("/", get(handler))).peer() as peer:
        for _ in range(2):
            assert peer.send(request()).answer().body == b'[{},true,{"n":1}]'


# The body's limit.

Ask = Callable[[bytes], tuple[int, bytes]]


def limited(make_site: MakeSite, limit: object, **options: int) -> Ask:
    """Serve an echo whose body has a limit of its own; return ask(message) -> (status, body)."""
    async def echo(request: Request) -> bytes:
        request.set_body_limit(limit)  # type: ignore[arg-type]
        return await request.body()

    site = make_site(Router().route("/", post(echo)), **options)

    def ask(message: bytes) -> tuple[int, bytes]:
        with site.peer() as peer:
            answer = peer.send(message).answer()
            return answer.status, answer.body

    return ask


def whole(size: int) -> bytes:
    return request(method="POST", body=b"x" * size)


def in_chunks(size: int) -> bytes:
    return request(method="POST", fields=CHUNKED) + b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("message", [whole, in_chunks])
@pytest.mark.parametrize(
    ("limit", "size", "status"),
    [(10, 10, 200), (10, 11, 413), (0, 1, 413), (5000, 4000, 200), (5000, 5001, 413), (None, 5001, 200),
     (10**30, 5001, 200), (10, 2000, 413)],
)
def test_body_limit_of_a_request_goes_before_the_servers(
    make_site: MakeSite, message: Callable[[int], bytes], limit: int | None, size: int, status: int
) -> None:
    assert limited(make_site, limit, max_body_bytes=1000)(message(size)) == (
        status, b"x" * size if status == 200 else f"body too large: {size} bytes, limit {limit}\n".encode()
    )


def test_announced_body_above_its_limit_is_refused_unread(make_site: MakeSite) -> None:
    message = request(method="POST", fields="Content-Length: 11\r\n")
    assert limited(make_site, 10)(message) == (413, b"body too large: 11 bytes, limit 10\n")


def test_body_limit_is_one_requests_alone(make_site: MakeSite) -> None:
    async def echo(request: Request) -> bytes:
        if request.query:
            request.set_body_limit(1)
        return await request.body()

    with make_site(Router().route("/", post(echo))).peer() as peer:
        assert peer.send(request("/?a", "POST", b"x")).answer().status == 200
        assert peer.send(request("/", "POST", b"xx")).answer().body == b"xx"


@pytest.mark.parametrize("size", [-1, True, 1.5, "1"])
def test_body_limit_is_a_size(make_site: MakeSite, size: object) -> None:
    def handler(request: Request) -> None:
        with pytest.raises(ValueError, match="set_body_limit takes an int from 0, or None"):
            request.set_body_limit(size)  # type: ignore[arg-type]

    assert make_site(Router().route("/", get(handler))).get().status == 200


# The body, if it is here.

def ask_for_complete(
    make_site: MakeSite, message: bytes, before: Callable[[Request], Awaitable[object]]
) -> Any:
    """Return what complete_body() gave, or raised, in a handler that did `before` first."""
    async def handler(request: Request) -> None:
        await before(request)
        try:
            given.append(request.complete_body())
            if given[-1] is not None:
                assert request.complete_body() is given[-1]
                assert await request.body() is given[-1]
                assert b"".join([piece async for piece in request.stream()]) == given[-1]
        except (BodyError, RuntimeError) as exc:
            given.append(exc)

    given: list[Any] = []
    with make_site(Router().route("/", post(handler))).peer() as peer:
        assert peer.send(message).answer().status == 200
    return given[-1]


async def nothing(request: Request) -> None:
    return


async def some(request: Request) -> None:
    async for _ in request.stream():
        break


@pytest.mark.parametrize(
    ("message", "complete"),
    [
        (request(method="POST"), b""),
        (whole(5), b"xxxxx"),
        (in_chunks(5), b"xxxxx"),
        (in_chunks(1_000_000), None),
        (request(method="POST", fields="Content-Length: 6\r\n") + b"xxx", None),
        (request(method="POST", fields=CHUNKED) + b"3\r\nabc\r\n", None),
    ],
    ids=["none", "whole", "chunked", "later", "partial", "partial-chunks"],
)
def test_body_is_complete_if_it_is_here(make_site: MakeSite, message: bytes, complete: bytes | None) -> None:
    assert ask_for_complete(make_site, message, nothing) == complete


def test_body_is_complete_once_it_has_been_awaited(make_site: MakeSite) -> None:
    assert ask_for_complete(make_site, whole(200_000), Request.body) == b"x" * 200_000


def test_body_that_came_meanwhile_is_complete(make_site: MakeSite) -> None:
    async def handler(request: Request) -> bytes:
        assert request.complete_body() is None
        started.set_result(None)
        while (content := request.complete_body()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        return content

    site = make_site(Router().route("/", post(handler)))
    started = site.loop.create_future()
    with site.peer() as peer:
        peer.send(request(method="POST", fields="Content-Length: 6\r\n") + b"abc")
        site.call(lambda: asyncio.wait_for(started, 20))
        assert peer.send(b"def").answer().body == b"abcdef"


@pytest.mark.parametrize(
    ("message", "before", "text"),
    [
        (whole(3_000_000), nothing, "body too large: 3000000 bytes, limit 2097152"),
        (request(method="POST", fields="Content-Length: 9999999\r\n"), nothing, "limit 2097152"),
        (request(method="POST", fields=CHUNKED) + b"zz\r\n", nothing, "chunk"),
        (in_chunks(5), some, "has been read by stream"),
    ],
    ids=["too-large", "announced", "malformed", "streamed"],
)
def test_complete_body_raises_what_body_does(
    make_site: MakeSite, message: bytes, before: Callable, text: str
) -> None:
    error = ask_for_complete(make_site, message, before)
    assert text in str(error)


def test_complete_body_heeds_the_requests_limit(make_site: MakeSite) -> None:
    async def limit(request: Request) -> None:
        request.set_body_limit(4)

    error = ask_for_complete(make_site, whole(5), limit)
    assert isinstance(error, BodyError)
    assert (error.status, error.reason) == (413, "body too large: 5 bytes, limit 4")
