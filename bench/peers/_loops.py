"""Run a peer on an event loop chosen by name. Knows no protocol."""

import argparse
import asyncio
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

from bench.loops import LOOPS, new_loop

# Room for all connections of the largest case at once.
BACKLOG = 4096


def arguments() -> argparse.ArgumentParser:
    """Start the command line of a peer: `--loop NAME --port PORT`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", choices=LOOPS, default="asyncio")
    parser.add_argument("--port", type=int, required=True)
    return parser


def run(main: Coroutine[Any, Any, None], loop: str) -> None:
    """Run main on the named loop."""
    with asyncio.Runner(loop_factory=lambda: new_loop(loop)) as runner:
        runner.run(main)


async def serve(
    protocol: Callable[[], asyncio.BaseProtocol], port: int, tls: ssl.SSLContext | None = None
) -> None:
    """Serve the protocol on 127.0.0.1 until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", port, backlog=BACKLOG, ssl=tls)
    await server.serve_forever()
