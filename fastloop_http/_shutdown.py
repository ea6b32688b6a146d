"""The end of a server: signals that ask for it, and what is still served before it."""

import asyncio
import contextlib
import logging
import os
import signal
import threading
from types import TracebackType
from typing import Self

from fastloop._server import Server as SocketServer
from fastloop.loop import EventLoop
from fastloop_http._background import Background
from fastloop_http._h1.service import Service

logger = logging.getLogger("fastloop_http")


class Interruption:
    """SIGTERM and SIGINT as the wish to end, until the end of the `with`: only in the main thread.

    Before `wished` is awaited, a signal cancels the task; then the first is what it waits for, and the second
    cancels. A task that was cancelled so leaves the `with` quietly.
    """

    def __init__(self, loop: EventLoop) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = loop
        self._wish: asyncio.Future[None] = loop.create_future()
        self._waiting = False
        self._cancels = 0  # of ours
        self._sharing = contextlib.ExitStack()

    async def wished(self) -> None:
        """Wait for the first signal."""
        self._waiting = True
        await self._wish

    def _signalled(self) -> None:
        if self._waiting and not self._wish.done():
            self._wish.set_result(None)
        else:
            self._cancels += 1
            self._task.cancel()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            signals = (signal.SIGINT, signal.SIGTERM)
            self._sharing.enter_context(self._loop.sharing_signals(signals, self._signalled))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._sharing.close()
        others = 0
        for _ in range(self._cancels):
            others = self._task.uncancel()
        return self._cancels > 0 and others == 0 and isinstance(exc, asyncio.CancelledError)


async def drain(
    loop: EventLoop, sockets: SocketServer, service: Service, background: Background, timeout_s: float
) -> None:
    """Answer what has been sent so far, and end every connection and what was to be done after its answers.

    After timeout_s drop what is left.
    """
    try:
        async with asyncio.timeout(timeout_s):
            sockets.finish()
            await arrivals_read(loop)
            await service.drain()
            await sockets.wait_ended()
            await background.wait_ended()
    except TimeoutError:
        for dropped, what in (
            (sockets.connections, "connections dropped: %d, still open"),
            (len(background), "calls of request.after() dropped: %d, not done"),
        ):
            if dropped:
                logger.warning(
                    f"{what} %g s after the server was told to end; raise shutdown_timeout_s if handlers "
                    f"need longer",
                    dropped,
                    timeout_s,
                )
        await drop(sockets, service, background)
    except BaseException:
        await drop(sockets, service, background)
        raise


async def drop(sockets: SocketServer, service: Service, background: Background) -> None:
    """End every connection at once, and what was to be done after its answers."""
    sockets.close()
    service.abort()
    # Those that are still in their TLS handshake are none of the service's yet.
    sockets.abort_clients()
    await sockets.wait_ended()
    await background.drop()


async def arrivals_read(loop: EventLoop) -> None:
    """Wait until what the kernel had received before this call has been read.

    The kernel reports descriptors in the order in which they became ready: one that does so now comes last.
    """
    seen = loop.create_future()

    def see() -> None:
        if not seen.done():
            seen.set_result(None)

    descriptor = os.eventfd(1, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    try:
        loop.add_reader(descriptor, see)
        await seen
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
