"""The measured application as raw ASGI, for uvicorn and granian: no framework stands in between."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec.json

Message = dict[str, Any]
Headers = list[tuple[bytes, bytes]]

TEXT = b"text/plain; charset=utf-8"


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Route by the path alone, the cheapest that is still an application."""
    assert scope["type"] == "http"
    path: str = scope["path"]
    status, content_type = 200, TEXT
    if path == "/":
        body = b"Hello, World!"
    elif path == "/json":
        content_type = b"application/json"
        body = msgspec.json.encode({"message": "Hello, World!"})
    elif path == "/echo":
        content_type = b"application/octet-stream"
        body = await _body(receive)
    elif path.startswith("/greet/"):
        body = f"Greetings, {path[7:]}!".encode()
    else:
        status, body = 404, b""
    headers: Headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body
