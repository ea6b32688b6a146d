"""The smallest server: text, a path with a capture, JSON, and a body sent back.

`python examples/hello.py [host:port]`, then

    curl 127.0.0.1:3000/
    curl 127.0.0.1:3000/greet/Ferris
    curl 127.0.0.1:3000/json
    curl --data-binary 'over and out' 127.0.0.1:3000/echo
"""

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
    serve(app, *(sys.argv[1:] or ["127.0.0.1:3000"]))
