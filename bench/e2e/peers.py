"""The peers by name: how each is started, and whose versions say what it was."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.e2e.addresses import Address
from bench.e2e.build import Missing, binary, certificate, compiled_echo
from bench.e2e.cases import LOOPS, RAW, Case
from bench.loops import lacking

# Bodies that are larger do not come in one read.
SINK_BYTES = 64 * 1024

Command = Callable[[Case, Address], list[str]]


@dataclass(frozen=True)
class Peer:
    """A server under measurement. `command` may raise `Missing`."""

    command: Command
    packages: tuple[str, ...] = ()
    about: str = ""
    idle: bool = False  # the case's idle connections are held to it


def _limit(case: Case, address: Address) -> list[str]:
    if case.streamed_bytes:
        return [str(binary("limit")), "source", str(address), case.content_type, str(case.streamed_bytes)]
    if case.kind == "http":
        mode = "sink" if case.request_bytes > SINK_BYTES else "http"
        return [str(binary("limit")), mode, str(address), case.content_type, case.body]
    if case.transport == "tls":
        return [str(binary("limit-tls")), str(address), *map(str, certificate())]
    return [str(binary("limit")), case.transport, str(address)]


def _axum(case: Case, address: Address) -> list[str]:
    # It listens on two ports: HTTP, and TCP echo on the one above.
    return [str(binary("axum")), str(address.port - 1 if case.kind == "echo" else address.port)]


def _module(name: str, *options: str) -> Command:
    return lambda case, address: [sys.executable, "-m", name, *options, "--port", str(address.port)]


def _floor(loop: str) -> Command:
    return lambda case, address: [
        *_module("bench.peers.floor", "--loop", loop)(case, address),
        *("--content-type", case.content_type, "--body", case.body),
    ]


def _echo(loop: str) -> Command:
    def command(case: Case, address: Address) -> list[str]:
        why = lacking(loop)
        if why is not None:
            raise Missing(why)
        options = ["--loop", loop, "--transport", case.transport, "--style", case.style]
        if case.transport == "unix":
            options += ["--path", str(address.path)]
        elif case.transport == "tls":
            cert, key = certificate()
            options += ["--certificate", str(cert), "--key", str(key)]
        return _module("bench.peers.echo", *options)(case, address)

    return command


def _compiled_echo(case: Case, address: Address) -> list[str]:
    options = ["--loop", "fastloop", "--style", "compiled", "--module", str(compiled_echo())]
    return _module("bench.peers.echo", *options)(case, address)


def _granian(interface: str, app: str) -> Command:
    options = f"--interface {interface} --workers 1 --http 1 --no-ws --loop uvloop --log-level error"
    return _module("granian", f"bench.peers.{app}:app", *options.split())


def _uvicorn(app: str, more: str = "") -> Command:
    options = "--loop uvloop --http httptools --ws none --interface asgi3 --no-access-log --no-server-header"
    return _module("uvicorn", f"bench.peers.{app}:app", *f"{options} --log-level error {more}".split())


def _framework(name: str, written: str, *packages: str) -> Peer:
    about = f"{name}, {written}, on uvicorn, uvloop and httptools"
    return Peer(
        _uvicorn(f"{name.lower()}_app"), (name.lower(), "uvicorn", "uvloop", "httptools", *packages), about
    )


PEERS = {
    "limit": Peer(_limit, about="bare epoll in C, constant answer"),
    "axum": Peer(_axum, about="Rust: axum, on tokio's current-thread runtime"),
    "tokio": Peer(_axum, about="Rust: the axum peer's TCP echo, on tokio's current-thread runtime"),
    "fastloop_http": Peer(
        _module("bench.peers.fastloop_app"), ("fastloop",), "routed `async def` handlers on fastloop"
    ),
    RAW: Peer(
        _module("bench.peers.fastloop_raw"), ("fastloop",), "the same, handlers of a bare request"
    ),
    "fastloop-compiled": Peer(_compiled_echo, ("fastloop",), "a compiled protocol on fastloop"),
    "fastloop": Peer(_echo("fastloop"), ("fastloop",), "an echo in Python on fastloop"),
    "zuvloop": Peer(_echo("zuvloop"), ("zuvloop",), "the same echo on zuvloop"),
    "uvloop": Peer(_echo("uvloop"), ("uvloop",), "the same echo on uvloop"),
    "asyncio": Peer(_echo("asyncio"), (), "the same echo on asyncio's own loop"),
    "fastloop-floor": Peer(_floor("fastloop"), ("fastloop",), "constant answer, no parsing, on fastloop"),
    "uvloop-floor": Peer(_floor("uvloop"), ("uvloop",), "constant answer, no parsing, on uvloop"),
    "asyncio-floor": Peer(_floor("asyncio"), (), "constant answer, no parsing, on asyncio's own loop"),
    "uvicorn": Peer(
        _uvicorn("asgi_app", "--lifespan off"),
        ("uvicorn", "uvloop", "httptools"),
        "raw ASGI on uvicorn, uvloop and httptools",
    ),
    "granian-asgi": Peer(_granian("asgi", "asgi_app"), ("granian", "uvloop"), "raw ASGI on granian, uvloop"),
    "granian-rsgi": Peer(_granian("rsgi", "rsgi_app"), ("granian", "uvloop"), "RSGI on granian, uvloop"),
    "aiohttp": Peer(_module("bench.peers.aiohttp_app"), ("aiohttp",), "aiohttp on asyncio's own loop"),
    "aiohttp-uvloop": Peer(
        _module("bench.peers.aiohttp_app", "--loop", "uvloop"), ("aiohttp", "uvloop"), "aiohttp on uvloop"
    ),
    "blacksheep": _framework("BlackSheep", "typed handlers and a dataclass"),
    "starlette": _framework("Starlette", "handlers that take the request apart themselves"),
    "litestar": _framework("Litestar", "typed handlers and a msgspec.Struct", "msgspec"),
    "fastapi": _framework("FastAPI", "typed handlers and pydantic models", "starlette", "pydantic"),
}
PEERS |= {
    f"{name}-idle": replace(
        PEERS[name], idle=True, about=f"{name}, with the case's idle connections besides"
    )
    for name in ("limit", *LOOPS)
}
