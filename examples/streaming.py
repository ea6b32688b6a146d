"""Answers and bodies as they come: server-sent events, rows of a long report, and an upload that is not kept.

`python examples/streaming.py [address]`, then

    curl -N 127.0.0.1:3000/ticks
    curl -N '127.0.0.1:3000/report?rows=100000'
    curl -T README.md 127.0.0.1:3000/digest
"""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Iterator

from fastloop_http import BodyStream, Query, Router, Sse, Stream, get, put, serve


async def ticks(count: Query[int] = 10) -> Sse:
    async def events() -> AsyncIterator[str]:
        try:
            for number in range(count):
                yield f"tick {number}"
                await asyncio.sleep(0.1)
        finally:
            # Also where the client goes before the last.
            print("no more ticks", flush=True)

    return Sse(events())


async def report(rows: Query[int] = 1000) -> tuple[int, dict[str, str], Stream]:
    def lines() -> Iterator[str]:
        yield "number,square\n"
        for number in range(rows):
            yield f"{number},{number * number}\n"

    return 200, {"content-type": "text/csv"}, Stream(lines())


async def digest(body: BodyStream) -> dict[str, str | int]:
    seen = hashlib.sha256()
    size = 0
    async for piece in body:
        seen.update(piece)
        size += len(piece)
    return {"sha256": seen.hexdigest(), "size": size}


app = Router().route("/ticks", get(ticks)).route("/report", get(report)).route("/digest", put(digest))

if __name__ == "__main__":
    serve(app, *(sys.argv[1:] or ["127.0.0.1:3000"]))
