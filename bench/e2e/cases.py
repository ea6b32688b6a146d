"""The cases: what is asked of every server, and which peers are asked. To add one, add it to CASES."""

from dataclasses import dataclass, replace
from typing import Any, Literal

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
TRANSFER_PEERS = ("limit", "axum", "fastloop_http")
# The server under the handlers, asked for nothing but a constant: what handlers cost is on top of it.
RAW = "fastloop_http-raw"
FRAMEWORKS = ("blacksheep", "starlette", "litestar", "fastapi")
HANDLER_PEERS = ("limit", "axum", "fastloop_http", RAW, *FRAMEWORKS)
LOOPS = ("fastloop", "zuvloop", "uvloop", "asyncio")
# A compiled protocol is a protocol of fastloop's, and tokio is asked for plain TCP alone.
PROTOCOL_PEERS = ("limit", "tokio", "fastloop-compiled", *LOOPS)
STYLE_PEERS = ("limit", "tokio", *LOOPS)
TRANSPORT_PEERS = ("limit", *LOOPS)
# Each twice, with the case's idle connections and without: what they cost is the ratio of the two.
IDLE_PEERS = tuple(name for peer in TRANSPORT_PEERS for name in (peer, f"{peer}-idle"))

Transport = Literal["tcp", "unix", "udp", "tls"]
TRANSPORTS: dict[Transport, str] = {"tcp": "TCP", "unix": "Unix", "udp": "UDP", "tls": "TLS"}

# How an echo server in Python is written, and how a title says it.
Style = Literal["protocol", "buffered", "streams", "sock"]
STYLES: dict[Style, str] = {
    "protocol": "",
    "buffered": " by BufferedProtocol",
    "streams": " by streams",
    "sock": " by sock_recv and sock_sendall",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question to all servers. For HTTP, `body` and `content_type` are those of the right answer."""

    name: str
    title: str
    kind: Literal["http", "echo"]
    peers: tuple[str, ...]
    connections: int
    # Echo only.
    transport: Transport = "tcp"
    style: Style = "protocol"
    message_bytes: int = 0
    idle: int = 0  # connections that peers named "*-idle" have besides, and that send nothing
    # HTTP only.
    method: str = "GET"
    path: str = "/"
    pipeline: int = 1  # requests in flight per connection
    request_bytes: int = 0  # of a request's body, all "x", where `request_body` does not say it
    request_body: str = ""
    request_type: str = "application/octet-stream"  # of a request's body, if there is one
    streamed_bytes: int = 0  # of the answer's, in place of `body`: in chunks, all "x"
    content_type: str = "text/plain; charset=utf-8"
    body: str = "Hello, World!"

    @property
    def sent_body(self) -> str:
        """The body of a request, whole; empty where it has none."""
        return self.request_body or "x" * self.request_bytes


PLAINTEXT = Case(
    name="plaintext",
    title="HTTP plaintext, 64 connections",
    kind="http",
    peers=HTTP_PEERS,
    connections=64,
)


# Fields of four types, in the order in which every peer declares them.
NEW_USER = '{"name":"Ferris","age":11,"email":"ferris@example.org","active":true,"tags":["crab","rust"]}'


def _handler(name: str, what: str, **asked: Any) -> Case:
    title = f"HTTP handler API: {what}, 64 connections"
    return replace(PLAINTEXT, name=name, title=title, peers=HANDLER_PEERS, **asked)


def _echo(
    name: str,
    message_bytes: int = 100,
    *,
    connections: int = 16,
    transport: Transport = "tcp",
    style: Style = "protocol",
    idle: int = 0,
    peers: tuple[str, ...],
) -> Case:
    size = f"{message_bytes // 1024} KiB" if message_bytes >= 1024 else f"{message_bytes} bytes"
    count = "1 connection" if connections == 1 else f"{connections} connections"
    idlers = f" and {idle:,} idle ones" if idle else ""
    return Case(
        name=name,
        title=f"{TRANSPORTS[transport]} echo of {size}{STYLES[style]}, {count}{idlers}",
        kind="echo",
        peers=peers,
        connections=connections,
        transport=transport,
        style=style,
        message_bytes=message_bytes,
        idle=idle,
    )


CASES = {
    case.name: case
    for case in (
        PLAINTEXT,
        replace(
            PLAINTEXT,
            name="pipelined",
            title="HTTP plaintext, 64 connections, 16 requests pipelined",
            pipeline=16,
        ),
        replace(
            PLAINTEXT,
            name="greet",
            title="HTTP path parameter, 64 connections",
            path="/greet/Ferris",
            body="Greetings, Ferris!",
        ),
        replace(
            PLAINTEXT,
            name="json",
            title="HTTP JSON answer, 64 connections",
            path="/json",
            content_type="application/json",
            body='{"message":"Hello, World!"}',
        ),
        replace(
            PLAINTEXT,
            name="post",
            title="HTTP POST of 256 bytes answered with them, 64 connections",
            method="POST",
            path="/echo",
            request_bytes=256,
            content_type="application/octet-stream",
            body="x" * 256,
        ),
        replace(
            PLAINTEXT,
            name="post1k",
            title="HTTP POST of 1 KiB answered with it, 64 connections",
            method="POST",
            path="/echo",
            request_bytes=1024,
            content_type="application/octet-stream",
            body="x" * 1024,
        ),
        replace(
            PLAINTEXT,
            name="upload",
            title="HTTP POST of 20 MB read as it comes, 4 connections",
            peers=TRANSFER_PEERS,
            connections=4,
            method="POST",
            path="/upload",
            request_bytes=20_000_000,
            body="20000000",
        ),
        replace(
            PLAINTEXT,
            name="download",
            title="HTTP answer of 100 MiB streamed by pieces of 64 KiB, 4 connections",
            peers=TRANSFER_PEERS,
            connections=4,
            path="/download",
            content_type="application/octet-stream",
            body="",
            streamed_bytes=100 * 1024 * 1024,
        ),
        _handler("handler", "a handler without arguments", path="/handler", body="ok"),
        _handler("handler_path", "an int of the path", path="/items/42", body="42"),
        _handler(
            "handler_query",
            "a query as a struct of 3 fields",
            path="/search?q=rust&page=2&limit=20",
            body="rust 2 20",
        ),
        _handler(
            "handler_json",
            "a JSON body as a struct of 5 fields",
            method="POST",
            path="/users",
            request_body=NEW_USER,
            request_type="application/json",
            body="Ferris",
        ),
        _echo("echo", peers=PROTOCOL_PEERS),
        _echo("echo1", connections=1, peers=PROTOCOL_PEERS),
        _echo("echo256", connections=256, peers=PROTOCOL_PEERS),
        _echo("echo_idle4000", idle=3_984, peers=IDLE_PEERS),
        _echo("echo1k", 1024, peers=PROTOCOL_PEERS),
        _echo("echo16k", 16 * 1024, peers=PROTOCOL_PEERS),
        _echo("echo100k", 100 * 1024, peers=PROTOCOL_PEERS),
        _echo("buffered16k", 16 * 1024, style="buffered", peers=STYLE_PEERS),
        _echo("streams", style="streams", peers=STYLE_PEERS),
        _echo("streams16k", 16 * 1024, style="streams", peers=STYLE_PEERS),
        _echo("sock", style="sock", peers=STYLE_PEERS),
        _echo("unix", transport="unix", peers=TRANSPORT_PEERS),
        # Larger datagrams of sixteen clients do not fit into the receive buffer that a socket gets.
        _echo("udp", transport="udp", peers=TRANSPORT_PEERS),
        _echo("tls", transport="tls", peers=TRANSPORT_PEERS),
        _echo("tls16k", 16 * 1024, transport="tls", peers=TRANSPORT_PEERS),
    )
}

# What a run without case names measures.
DEFAULT_CASES = ("plaintext", "pipelined", "echo")
