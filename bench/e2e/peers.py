"""The peers by name: how each is started, and whose versions say what it was."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from bench.e2e.build import binary
from bench.e2e.cases import Case

Command = Callable[[Case, int], list[str]]


@dataclass(frozen=True)
class Peer:
    """A server under measurement. `command` may raise `Missing`."""

    command: Command
    packages: tuple[str, ...] = ()
    about: str = ""


def _limit(case: Case, port: int) -> list[str]:
    # limit and axum listen on two ports: HTTP, and TCP echo on the one above.
    http_port = port - 1 if case.kind == "echo" else port
    return [str(binary("limit")), str(http_port), case.content_type, case.body]


def _axum(case: Case, port: int) -> list[str]:
    return [str(binary("axum")), str(port - 1 if case.kind == "echo" else port)]


def _module(name: str, *options: str) -> Command:
    return lambda case, port: [sys.executable, "-m", name, *options, "--port", str(port)]


def _floor(loop: str) -> Command:
    return lambda case, port: [
        *_module("bench.peers.floor", "--loop", loop)(case, port),
        *("--content-type", case.content_type, "--body", case.body),
    ]


def _echo(loop: str) -> Command:
    return _module("bench.peers.echo", "--loop", loop)


def _granian(interface: str, app: str) -> Command:
    options = f"--interface {interface} --workers 1 --http 1 --no-ws --loop uvloop --log-level error"
    return _module("granian", f"bench.peers.{app}:app", *options.split())


_UVICORN = (
    "--loop uvloop --http httptools --ws none --interface asgi3 --lifespan off "
    "--no-access-log --no-server-header --log-level error"
)

PEERS = {
    "limit": Peer(_limit, about="bare epoll in C, constant answer"),
    "axum": Peer(_axum, about="Rust: axum, on tokio's current-thread runtime"),
    "tokio": Peer(_axum, about="Rust: the axum peer's TCP echo, on tokio's current-thread runtime"),
    "fastloop_http": Peer(
        _module("bench.peers.fastloop_app"), ("fastloop",), "routed `async def` handlers on fastloop"
    ),
    "fastloop": Peer(_echo("fastloop"), ("fastloop",), "an asyncio.Protocol on fastloop"),
    "uvloop": Peer(_echo("uvloop"), ("uvloop",), "the same asyncio.Protocol on uvloop"),
    "asyncio": Peer(_echo("asyncio"), (), "the same asyncio.Protocol on asyncio's own loop"),
    "fastloop-floor": Peer(_floor("fastloop"), ("fastloop",), "constant answer, no parsing, on fastloop"),
    "uvloop-floor": Peer(_floor("uvloop"), ("uvloop",), "constant answer, no parsing, on uvloop"),
    "asyncio-floor": Peer(_floor("asyncio"), (), "constant answer, no parsing, on asyncio's own loop"),
    "uvicorn": Peer(
        _module("uvicorn", "bench.peers.asgi_app:app", *_UVICORN.split()),
        ("uvicorn", "uvloop", "httptools"),
        "raw ASGI on uvicorn, uvloop and httptools",
    ),
    "granian-asgi": Peer(_granian("asgi", "asgi_app"), ("granian", "uvloop"), "raw ASGI on granian, uvloop"),
    "granian-rsgi": Peer(_granian("rsgi", "rsgi_app"), ("granian", "uvloop"), "RSGI on granian, uvloop"),
    "aiohttp": Peer(_module("bench.peers.aiohttp_app"), ("aiohttp",), "aiohttp on asyncio's own loop"),
    "aiohttp-uvloop": Peer(
        _module("bench.peers.aiohttp_app", "--loop", "uvloop"), ("aiohttp", "uvloop"), "aiohttp on uvloop"
    ),
}
