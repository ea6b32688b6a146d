"""The measured application as raw RSGI, granian's own interface."""

from typing import Any

import msgspec.json

TEXT = [("content-type", "text/plain; charset=utf-8")]
JSON = [("content-type", "application/json")]
BYTES = [("content-type", "application/octet-stream")]


async def app(scope: Any, protocol: Any) -> None:
    """Route by the path alone, the cheapest that is still an application."""
    path: str = scope.path
    if path == "/":
        protocol.response_str(200, TEXT, "Hello, World!")
    elif path == "/json":
        protocol.response_bytes(200, JSON, msgspec.json.encode({"message": "Hello, World!"}))
    elif path == "/echo":
        protocol.response_bytes(200, BYTES, await protocol())
    elif path.startswith("/greet/"):
        protocol.response_str(200, TEXT, f"Greetings, {path[7:]}!")
    else:
        protocol.response_empty(404, [])
