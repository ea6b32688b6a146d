"""The measured application on fastloop_http: `python -m bench.peers.fastloop_app --port 8000`."""

import argparse
from collections.abc import AsyncIterator, Callable

import msgspec

from fastloop_http import Json, Query, Request, Router, get, post, serve


async def hello() -> str:
    return "Hello, World!"


async def greet(name: str) -> str:
    return f"Greetings, {name}!"


async def message() -> dict[str, str]:
    return {"message": "Hello, World!"}


async def echo(request: Request) -> bytes:
    return await request.body()


async def upload(request: Request) -> str:
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return str(size)


PIECE = b"x" * (64 * 1024)


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(1600):
        yield PIECE


async def download() -> AsyncIterator[bytes]:
    return pieces()


class Search(msgspec.Struct):
    q: str
    page: int
    limit: int


class NewUser(msgspec.Struct):
    name: str
    age: int
    email: str
    active: bool
    tags: list[str]


async def nothing() -> str:
    return "ok"


async def show(item: int) -> str:
    return str(item)


async def search(query: Query[Search]) -> str:
    return f"{query.q} {query.page} {query.limit}"


async def create(user: Json[NewUser]) -> str:
    return user.name


Handler = Callable[..., object]


def with_handlers(nothing: Handler, show: Handler, search: Handler, create: Handler) -> Router:
    """Return the application, the handler cases answered by these."""
    return (
        Router()
        .route("/", get(hello))
        .route("/greet/{name}", get(greet))
        .route("/json", get(message))
        .route("/echo", post(echo))
        .route("/upload", post(upload))
        .route("/download", get(download))
        .route("/handler", get(nothing))
        .route("/items/{item}", get(show))
        .route("/search", get(search))
        .route("/users", post(create))
    )


def run(app: Router) -> None:
    """Serve on the port that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    serve(app, f"127.0.0.1:{parser.parse_args().port}")


if __name__ == "__main__":
    run(with_handlers(nothing, show, search, create))
