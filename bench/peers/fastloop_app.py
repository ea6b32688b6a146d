"""The measured application on fastloop_http: `python -m bench.peers.fastloop_app --port 8000`."""

import argparse
from collections.abc import AsyncIterator

from fastloop_http import Request, Router, get, post, serve


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


app = (
    Router()
    .route("/", get(hello))
    .route("/greet/{name}", get(greet))
    .route("/json", get(message))
    .route("/echo", post(echo))
    .route("/upload", post(upload))
    .route("/download", get(download))
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    serve(app, f"127.0.0.1:{parser.parse_args().port}")
