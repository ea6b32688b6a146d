"""The cases: what is asked of every server, and which peers are asked. To add one, add it to CASES."""

from dataclasses import dataclass
from typing import Literal

# Every figure of a case is also a ratio to this peer in the same round.
BASE = "limit"

HTTP_PEERS = (
    "limit",
    "axum",
    "fastloop_http",
    "uvloop-floor",
    "asyncio-floor",
    "granian-rsgi",
    "granian-asgi",
    "uvicorn",
    "aiohttp-uvloop",
    "aiohttp",
)
ECHO_PEERS = ("limit", "tokio", "fastloop", "uvloop", "asyncio")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question to all servers. For HTTP, `body` and `content_type` are those of the right answer."""

    name: str
    title: str
    kind: Literal["http", "echo"]
    peers: tuple[str, ...]
    connections: int
    message_bytes: int = 0  # echo only
    method: str = "GET"
    path: str = "/"
    pipeline: int = 1  # requests in flight per connection
    request_body: str = ""
    content_type: str = "text/plain; charset=utf-8"
    body: str = "Hello, World!"


CASES = {
    case.name: case
    for case in (
        Case(
            name="plaintext",
            title="HTTP plaintext, 64 connections",
            kind="http",
            peers=HTTP_PEERS,
            connections=64,
        ),
        Case(
            name="pipelined",
            title="HTTP plaintext, 64 connections, 16 requests pipelined",
            kind="http",
            peers=HTTP_PEERS,
            connections=64,
            pipeline=16,
        ),
        Case(
            name="greet",
            title="HTTP path parameter, 64 connections",
            kind="http",
            peers=HTTP_PEERS,
            connections=64,
            path="/greet/Ferris",
            body="Greetings, Ferris!",
        ),
        Case(
            name="json",
            title="HTTP JSON answer, 64 connections",
            kind="http",
            peers=HTTP_PEERS,
            connections=64,
            path="/json",
            content_type="application/json",
            body='{"message":"Hello, World!"}',
        ),
        Case(
            name="post",
            title="HTTP POST of 256 bytes answered with them, 64 connections",
            kind="http",
            peers=HTTP_PEERS,
            connections=64,
            method="POST",
            path="/echo",
            request_body="x" * 256,
            content_type="application/octet-stream",
            body="x" * 256,
        ),
        Case(
            name="echo",
            title="TCP echo of 100 bytes, 16 connections",
            kind="echo",
            peers=ECHO_PEERS,
            connections=16,
            message_bytes=100,
        ),
        Case(
            name="echo16k",
            title="TCP echo of 16 KiB, 16 connections",
            kind="echo",
            peers=ECHO_PEERS,
            connections=16,
            message_bytes=16 * 1024,
        ),
    )
}

# What a run without case names measures: the cases that `claims` judges.
DEFAULT_CASES = ("plaintext", "pipelined", "echo")
