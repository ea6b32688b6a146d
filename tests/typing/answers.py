"""What answers are made of: Response, its headers, and values that know what they are as one."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import assert_type

import pydantic

from fastloop_http import (
    File,
    Html,
    IntoResponse,
    JsonResponse,
    NoContent,
    Redirect,
    Rejection,
    Request,
    Response,
    ResponseHeaders,
    ServerSentEvent,
    Sse,
    Stream,
    Upgrade,
    into_response,
)
from fastloop_http.errors import FieldError


class Model(pydantic.BaseModel):
    """One of pydantic's."""


def response() -> None:
    made = Response("text", 201, {"x-a": "b"})
    assert_type(made, Response)
    assert_type(made.status, int)
    assert_type(made.headers, ResponseHeaders)
    assert_type(made.copy(), Response)
    made.status = 404
    made.body = "Not Found"
    made.set_cookie("a", "b", max_age=timedelta(days=1), expires=datetime.now(UTC), same_site="strict")
    made.delete_cookie("a", path=None)
    assert_type(into_response((404, {"error": "none"})), Response)
    assert_type(into_response(Model()), Response)
    assert_type(into_response((201, [Model()])), Response)


def of_any_content(request: Request, pieces: AsyncIterator[bytes]) -> list[Response]:
    return [
        Response(),
        Response(None, headers=[("x-a", "b"), ("x-a", "c")]),
        Response(b"", headers=request.headers),
        Response({"a": [1, 2]}, headers=ResponseHeaders({"x-a": "b"})),
        Response([1, 2]),
        Response(pieces),
        Response(iter(["a", "b"])),
        Response(Stream(["a", b"b"], content_length=2)),
        Response(FieldError("parameter", "a", "Missing")._asdict()),
    ]


def headers(fields: ResponseHeaders) -> None:
    assert_type(fields["content-type"], str)
    assert_type(fields.get("content-type"), str | None)
    assert_type(fields.get("content-type", ""), str)
    assert_type(fields.get("content-type", 0), str | int)
    assert_type(fields.getall("set-cookie"), list[str])
    assert_type(fields.items(), list[tuple[str, str]])
    assert_type(fields.keys(), list[str])
    assert_type(fields.values(), list[str])
    assert_type(fields.setdefault("vary", "accept"), str)
    assert_type(fields.pop("vary"), str)
    assert_type(fields.copy(), ResponseHeaders)
    fields["x-a"] = "b"
    fields.append("x-a", "c")
    fields.extend({"x-a": "d"})
    fields.extend([("x-b", "e")])
    fields.add_vary("accept", "origin")
    del fields["x-b"]


def ready_made(request: Request) -> list[IntoResponse]:
    assert_type(Redirect.to("/"), Redirect)
    assert_type(Redirect.permanent("/"), Redirect)
    assert_type(Html("").into_response(), Response)
    return [
        Html("<p>"), Html(b"<p>"), NoContent(), JsonResponse("text"), JsonResponse((1, None)),
        Redirect.temporary("/"), File(Path("page.html"), request=request, download_name="a"), File("a"),
        Sse(ticks(), keep_alive_s=None), Response(), Rejection("no", status=403),
    ]  # fmt: skip


async def ticks() -> AsyncIterator[ServerSentEvent | str]:
    yield "tick"
    yield ServerSentEvent("tick", event="tock", id="1", retry_ms=1000)
    yield ServerSentEvent.json({"tick": 1})


def streams(file: Iterator[str]) -> list[Stream | Upgrade]:
    return [
        Stream(file), Stream(ticks_as_text(), trailers={"x-sum": "1"}),
        Stream(file, trailers=lambda: [("x-sum", "1")]), Stream(open("file", "rb"), content_length=10),
        Upgrade(object, protocol="websocket", headers={"x-a": "b"}), Upgrade(object),
    ]  # fmt: skip


async def ticks_as_text() -> AsyncIterator[str]:
    yield "tick"


class TooMany(Rejection):
    """What a rejection of one's own is answered may be told in other words."""

    status = 429

    def into_response(self) -> tuple[int, dict[str, str]]:
        assert_type(self.detail, str)
        assert_type(self.errors, tuple[FieldError, ...])
        return self.status, {"retry": "later"}
