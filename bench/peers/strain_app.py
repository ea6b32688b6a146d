"""The server under strain: `python -m bench.peers.strain_app PORT OPTIONS`, the options as JSON.

It counts what its handlers see, and /state tells of it.
"""

import asyncio
import gc
import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

from fastloop_http import Request, Router, Stream, get, post, serve

# Of the streamed answer: more than any client and all buffers take before they stop.
PIECES = 4096
PIECE_BYTES = 16 * 1024

# Until a handler that nothing wakes gives up by itself.
LATE_S = 0.02

# For which a handler holds the whole loop: others connect and send meanwhile.
BLOCK_S = 0.05

counts: Counter[str] = Counter()


class Counting(logging.Handler):
    """Counts what the server logs."""

    def emit(self, record: logging.LogRecord) -> None:
        counts["logged"] += 1


async def hello() -> str:
    counts["called"] += 1
    return "Hello, World!"


async def echo(request: Request) -> bytes:
    counts["called"] += 1
    return await request.body()


async def fail() -> str:
    counts["called"] += 1
    raise RuntimeError("as it was asked to")


async def hang() -> str:
    counts["called"] += 1
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        counts["cancelled"] += 1
        raise
    return "never"


async def late() -> str | tuple[int, str]:
    counts["called"] += 1
    try:
        async with asyncio.timeout(LATE_S):
            await asyncio.Event().wait()
    except TimeoutError:
        return 504, "late"
    return "never"


async def large() -> Stream:
    counts["called"] += 1

    def pieces() -> Iterator[bytes]:
        for number in range(PIECES):
            # Each of its own, so that what waits for one client is nobody else's.
            yield bytes([number % 256]) * PIECE_BYTES

    return Stream(pieces())


def block() -> str:
    time.sleep(BLOCK_S)
    return "blocked"


def state() -> dict[str, int]:
    gc.collect()
    connections = sum(type(each).__name__ == "HttpConnection" for each in gc.get_objects())
    return {
        "connections": connections,
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
        **{name: counts[name] for name in ("called", "cancelled", "logged")},
    }


app = (
    Router()
    .route("/", get(hello))
    .route("/echo", post(echo))
    .route("/fail", get(fail))
    .route("/hang", get(hang))
    .route("/late", get(late))
    .route("/large", get(large))
    .route("/block", get(block))
    .route("/state", get(state))
)

if __name__ == "__main__":
    logger = logging.getLogger("fastloop_http")
    logger.addHandler(Counting())
    logger.propagate = False
    serve(app, f"127.0.0.1:{sys.argv[1]}", **json.loads(sys.argv[2]))
