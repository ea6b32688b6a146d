"""Echo TCP on one of the event loops: `python -m bench.peers.echo --loop fastloop --port 8000`."""

import asyncio
from typing import cast

from bench.peers._loops import arguments, serve


class Echo(asyncio.Protocol):
    """Write back what comes in."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


if __name__ == "__main__":
    args = arguments().parse_args()
    serve(Echo, args.loop, args.port)
