"""Answer HTTP with a constant and no framework: what is left of a Python server on that loop.

`python -m bench.peers.floor --loop uvloop --port 8000 --content-type TYPE --body TEXT`

It does what `limit.c` does, on the same terms: nothing is parsed, a request must arrive whole.
"""

import asyncio
import functools
from typing import cast

from bench.peers._loops import arguments, run, serve

HEAD = (
    "HTTP/1.1 200 OK\r\n"
    "content-type: {content_type}\r\n"
    "content-length: {length}\r\n"
    "date: Fri, 20 Nov 2026 08:00:00 GMT\r\n"
    "\r\n"
)


class Floor(asyncio.Protocol):
    """Write the answer once for each end of a request head."""

    transport: asyncio.Transport

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(self.answer * data.count(b"\r\n\r\n"))


if __name__ == "__main__":
    parser = arguments()
    parser.add_argument("--content-type", default="text/plain; charset=utf-8")
    parser.add_argument("--body", default="Hello, World!")
    args = parser.parse_args()
    body = args.body.encode()
    head = HEAD.format(content_type=args.content_type, length=len(body)).encode()
    run(serve(functools.partial(Floor, head + body), args.port), args.loop)
