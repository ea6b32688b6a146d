"""What a request and its parts are, and what can be asked of it."""

from typing import Any, assert_type

from fastloop_http import BodyStream, Headers, Request


async def notify(user: str, times: int) -> None: ...


def gone() -> None: ...


async def handler(request: Request) -> None:
    assert_type(request.method, str)
    assert_type(request.target, str)
    assert_type(request.path, str)
    assert_type(request.matched_path, str | None)
    assert_type(request.query, str)
    assert_type(request.query_value("page"), str | None)
    assert_type(request.query_dict(), dict[str, str | list[str]])
    assert_type(request.http_version, str)
    assert_type(request.host, str)
    assert_type(request.scheme, str)
    assert_type(request.client, tuple[str, int] | None)
    assert_type(request.content_type, str | None)
    assert_type(request.cookies, dict[str, str])
    assert_type(request.extensions, dict[Any, Any])
    assert_type(request.trailers, list[tuple[str, str]])
    assert_type(await request.body(), bytes)
    assert_type(request.complete_body(), bytes | None)
    assert_type(request.stream(), BodyStream)
    async for piece in request.stream():
        assert_type(piece, bytes)
    request.set_body_limit(1 << 20)
    request.set_body_limit(None)
    request.on_disconnect(gone)
    request.after(notify, "ada", 3)
    request.after(gone)


def built() -> list[Request]:
    assert_type(Request.build("GET", "/"), Request)
    return [
        Request.build("POST", "/", {"content-type": "text/plain"}, b"text", client=("::1", 80)),
        Request.build("GET", "/", scheme="https"),
        Request.build("GET", "/", headers=[("accept", "a"), ("accept", "b")]),
    ]


def fields(headers: Headers) -> None:
    assert_type(headers["host"], str)
    assert_type(headers.get("host"), str | None)
    assert_type(headers.get("host", ""), str)
    assert_type(headers.getall("accept"), list[str])
    assert_type(headers.getall("accept", None), list[str] | None)
    assert_type("host" in headers, bool)
    assert_type(len(headers), int)
    assert_type(headers.keys(), list[str])
    assert_type(headers.values(), list[str])
    assert_type(headers.items(), list[tuple[str, str]])
    assert_type(dict(headers), dict[str, str])
    for name in headers:
        assert_type(name, str)
