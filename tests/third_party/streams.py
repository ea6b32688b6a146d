"""A server of asyncio's streams whose end is its handlers' end, too: Python 3.11's waits for none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def stream_server(handle: Handler, path: str | None = None, **options: Any) -> AsyncIterator[Any]:
    """Have handle serve connections to path or to a port of 127.0.0.1; yield that server's address."""
    handlers: set[asyncio.Task[Any]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        handlers.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    if path is not None:
        server = await asyncio.start_unix_server(handled, path, **options)
    else:
        server = await asyncio.start_server(handled, "127.0.0.1", 0, **options)
    yield server.sockets[0].getsockname()
    server.close()
    if handlers:
        await asyncio.wait(handlers)
    await server.wait_closed()
