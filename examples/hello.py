"""The smallest server: `python examples/hello.py [host:port]`."""

import sys

from fastloop_http import Request, Router, get, post, serve


async def hello() -> str:
    return "Hello, World!"


async def greet(name: str) -> str:
    return f"Greetings, {name}!"


async def message() -> dict[str, str]:
    return {"message": "Hello, World!"}


async def echo(request: Request) -> bytes:
    return await request.body()


app = (
    Router()
    .route("/", get(hello))
    .route("/greet/{name}", get(greet))
    .route("/json", get(message))
    .route("/echo", post(echo))
)

if __name__ == "__main__":
    serve(app, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:3000")
