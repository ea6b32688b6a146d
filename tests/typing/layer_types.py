"""Layers: functions, objects, and those that come with fastloop."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, assert_type

from fastloop_http import Answer, MethodRouter, Next, Request, Response, Router, get
from fastloop_http.middleware import (
    BodyLimit,
    CatchPanic,
    Compression,
    ConcurrencyLimit,
    Cors,
    Csrf,
    Layer,
    LoadShed,
    NormalizePath,
    RateLimit,
    RequestId,
    Session,
    SetHeader,
    Timeout,
    Trace,
    TrustedHost,
)


async def timed(request: Request, next: Next) -> Response:
    response = await next(request)
    assert_type(response, Response)
    response.headers["server-timing"] = "app;dur=1"
    return response


async def guarded(request: Request, next: Callable[[Request], Awaitable[Response]]) -> Response | int:
    return await next(request) if "authorization" in request.headers else 401


async def of_any(request: Request, next: Next) -> Answer:
    return 503, {"retry-after": "1"}, "later"


async def by_other_names(incoming: Request, inside: Next, /) -> tuple[int, str]:
    return 404, incoming.path


class Counting:
    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, request: Request, next: Next) -> Response:
        self.count += 1
        return await next(request)

    async def other(self, request: Request, next: Next) -> None: ...


def made(option: str) -> Layer:
    async def layer(request: Request, next: Next) -> Response:
        request.extensions["option"] = option
        return await next(request)

    return layer


async def hello() -> str:
    return "Hello, World!"


counting = Counting()
app = Router().route("/", get(hello).layer(timed).layer(counting))
assert_type(app.layer(timed).layer(guarded).layer(of_any).layer(by_other_names), Router)
assert_type(app.layer(counting).layer(counting.other).layer(made("x")), Router)
assert_type(app.route_layer(timed).route_layer(Timeout(1.5)), Router)
assert_type(app.layer(NormalizePath()), Router)
assert_type(get(hello).layer(Timeout(10)), MethodRouter)



async def reported(error: Exception) -> tuple[int, str]:
    return 500, repr(error)


def client_of(request: Request) -> str | None:
    return request.headers.get("x-api-key")


all_that_come: list[Layer] = [
    BodyLimit(5 << 20), CatchPanic(), CatchPanic(lambda error: (500, str(error))), CatchPanic(reported),
    Compression(codings=["gzip"]), ConcurrencyLimit(10),
    Cors(allow_origins="*", allow_headers="mirror"), Cors(allow_origins=lambda origin: origin != "null"),
    Csrf(trusted_origins=["https://example.org"]), LoadShed(100), RateLimit(10, 1.0, key=client_of),
    RequestId(), Session(b"0123456789abcdef"), Session(["new", "old"], same_site="lax"),
    SetHeader("x-frame-options", "DENY", mode="if_missing"), Timeout(10), TrustedHost(["example.org"]),
    Trace(), Trace(logger=logging.getLogger("requests"), level=logging.DEBUG),
]  # fmt: skip


async def called(request: Request, next: Next, layer: Layer) -> None:
    assert_type(await layer(request, next), Answer)
    extensions: dict[Any, Any] = request.extensions
    assert_type(extensions["session"], Any)
