# mypy: disable-error-code="empty-body"
"""Routers: what is chained, what decorators leave of functions, and what handlers may return."""

import contextlib
import io
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Literal, NoReturn, TypedDict, assert_type

import msgspec

from fastloop_http import (
    Answer,
    File,
    Handler,
    Html,
    IntoResponse,
    JsonResponse,
    MethodRouter,
    NoContent,
    Path,
    Redirect,
    Rejection,
    Request,
    Response,
    Route,
    Router,
    Sse,
    Stream,
    Upgrade,
    any_method,
    delete,
    get,
    head,
    on,
    options,
    patch,
    post,
    put,
)


class User(msgspec.Struct):
    name: str


@dataclass
class Point:
    x: int


class Movie(TypedDict):
    title: str


class Teapot:
    def into_response(self) -> tuple[int, str]:
        return 418, "short and stout"


class Wrapped:
    def into_response(self) -> Teapot:
        return Teapot()


# Answers.

async def text() -> str: ...
async def content() -> bytes | bytearray | memoryview: ...
async def nothing() -> None: ...
async def status() -> int: ...
async def enumerated() -> HTTPStatus: ...
async def literal() -> Literal[201, 409]: ...
async def mapping() -> dict[str, int]: ...
async def by_id() -> dict[int, User]: ...
async def typed_mapping() -> Movie: ...
async def listed() -> list[User]: ...
async def struct() -> User | None: ...
async def dataclass_instance() -> Point: ...
async def with_status() -> tuple[int, User]: ...
async def with_headers() -> tuple[HTTPStatus, dict[str, str], list[Point]]: ...
async def with_pairs() -> tuple[int, list[tuple[str, str]], None]: ...
async def either() -> User | int | tuple[int, str] | tuple[int, dict[str, str], Html]: ...
async def own() -> Teapot | Wrapped | IntoResponse: ...
async def made() -> Html | Redirect | NoContent | JsonResponse | File | Sse | Response: ...
async def streamed() -> Stream | io.BufferedReader | io.BytesIO | tuple[int, Stream]: ...
async def pieces() -> Iterator[bytes] | Generator[str] | AsyncIterator[bytes] | AsyncGenerator[str]: ...
async def upgraded() -> Upgrade: ...
async def raising() -> NoReturn: ...
async def anything() -> Any: ...
async def some_answer() -> Answer: ...
def plain() -> User: ...
def awaitable(request: Request) -> Awaitable[User]: ...


class Site:
    async def index(self) -> str:
        return ""

    async def __call__(self, request: Request) -> User:
        return User("")

    @staticmethod
    async def about() -> str:
        return ""


async def positional(request: Request, name: str, /) -> str:
    return name


async def by_keyword(*, id: Path[int], limit: int = 3) -> str:
    return str(id + limit)


site = Site()
handlers: list[Handler] = [
    text, content, nothing, status, enumerated, literal, mapping, by_id, typed_mapping, listed, struct,
    dataclass_instance, with_status, with_headers, with_pairs, either, own, made, streamed, pieces, upgraded,
    raising, anything, some_answer, plain, awaitable, site, site.index, Site.about, positional, by_keyword,
    partial(by_keyword, limit=7), lambda: "text",
]  # fmt: skip


# Method routers.

assert_type(get(text), MethodRouter)
assert_type(get(text).post(listed).put(status).patch(struct).delete(nothing), MethodRouter)
assert_type(head(nothing).options(nothing).head(nothing).get(text), MethodRouter)
assert_type(post(text), MethodRouter)
assert_type(put(text), MethodRouter)
assert_type(patch(text), MethodRouter)
assert_type(delete(text), MethodRouter)
assert_type(options(text), MethodRouter)
assert_type(on("PURGE", text), MethodRouter)
assert_type(on(["GET", "POST"], text).on(("PUT",), text), MethodRouter)
assert_type(any_method(text), MethodRouter)


# Routers.

class App(Router):
    """Registering returns the router itself, of its own class."""


app = App()
assert_type(app.route("/", get(text)), App)
assert_type(app.nest("/api", Router()).merge(Router()), App)
assert_type(app.fallback(text).method_not_allowed_fallback(status).connect(upgraded), App)
assert_type(app.with_state(Point(1)).with_state(Site(), Handler), App)
assert_type(app.routes(), list[Route])
assert_type(app.routes()[0].path, str)
assert_type(app.routes()[0].handler, Handler)


async def answer_later(error: Exception) -> tuple[int, str]:
    return 500, str(error)


def in_our_form(rejection: Rejection) -> Answer:
    return rejection.status, {"error": rejection.detail}


def missing(error: KeyError) -> tuple[int, dict[str, str]]:
    return 404, {"missing": str(error)}


assert_type(app.handle_error({KeyError: missing, ValueError: answer_later}), App)
assert_type(app.on_rejection(in_our_form), App)


# Decorators leave the function what it is.

@app.get("/users/{id}")
async def show(id: Path[int]) -> User:
    return User(str(id))


@app.post("/users")
@app.put("/users")
def create(request: Request) -> int:
    return 201


@app.patch("/users/{id}")
@app.delete("/users/{id}")
@app.on("PURGE", "/users/{id}")
async def change(id: int, name: str = "") -> None: ...


async def calls_them(request: Request) -> None:
    assert_type(await show(7), User)
    assert_type(create(request), int)
    await change(7, name="ada")


# Stand-ins for tests.

def current_user() -> User:
    return User("")


with app.override({current_user: lambda: User("ada"), Site: site}) as overridden:
    assert_type(overridden, App)


async def asked(request: Request) -> None:
    response = await app.oneshot(request)
    assert_type(response, Response)
    async with app.lifespan() as alive:
        assert_type(alive, App)


# Lifespans.

@contextlib.asynccontextmanager
async def database(router: Router) -> AsyncGenerator[Point]:
    yield Point(1)


@contextlib.asynccontextmanager
async def of_the_app(router: App) -> AsyncGenerator[None]:
    yield


class Pool:
    def __init__(self, router: Router) -> None: ...

    async def __aenter__(self) -> "Pool":
        return self

    async def __aexit__(self, *error: object) -> None: ...


def from_elsewhere(router: object) -> contextlib.AbstractAsyncContextManager[Pool]:
    return contextlib.nullcontext(Pool(app))


assert_type(app.with_lifespan(database).with_lifespan(of_the_app), App)
assert_type(app.with_lifespan(from_elsewhere), App)
assert_type(app.with_lifespan(lambda router: Pool(router)), App)
with_class: Callable[[Router], Any] = Pool
