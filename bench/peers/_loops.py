"""Run a peer on an event loop chosen by name. Knows no protocol."""

import argparse
import asyncio
import importlib
from collections.abc import Callable

LOOPS = {
    "asyncio": ("asyncio", "SelectorEventLoop"),
    "fastloop": ("fastloop", "EventLoop"),
    "uvloop": ("uvloop", "Loop"),
}


def arguments() -> argparse.ArgumentParser:
    """Start the command line of a peer: `--loop NAME --port PORT`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", choices=LOOPS, default="asyncio")
    parser.add_argument("--port", type=int, required=True)
    return parser


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """Make the named loop; only that one is imported."""
    module, attribute = LOOPS[name]
    loop = getattr(importlib.import_module(module), attribute)()
    assert isinstance(loop, asyncio.AbstractEventLoop)
    return loop


def serve(protocol: Callable[[], asyncio.BaseProtocol], loop: str, port: int) -> None:
    """Serve the protocol on 127.0.0.1 until killed."""

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port, backlog=1024)
        await server.serve_forever()

    with asyncio.Runner(loop_factory=lambda: new_loop(loop)) as runner:
        runner.run(forever())
