"""Server: listening sockets and the connections they brought, as `asyncio.Server`."""

import asyncio
import logging
import os
import socket
import sys
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from typing import Any

from fastloop._base import LoopBase
from fastloop._core.listener import Listener
from fastloop._core.tls import TLSSession

logger = logging.getLogger("asyncio")

# Seconds for which a listener rests when the system has no descriptors left, as asyncio.
ACCEPT_RETRY_DELAY = 1.0


class Server(asyncio.Server):
    """What `create_server` returns. Owns its sockets; closes them, not the connections, on `close`."""

    def __init__(
        self,
        loop: LoopBase,
        sockets: list[socket.socket],
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        backlog: int,
        max_connections: int = sys.maxsize,
    ) -> None:
        """While max_connections are open, over all of sockets, new ones are left in the kernel's queue."""
        self._loop = loop
        self._backlog = backlog
        self._listeners: list[Listener] | None = [
            Listener(loop, sock, protocol_factory, self, backlog, self._rest) for sock in sockets
        ]
        self._max_connections = max_connections
        self._full = False  # and so paused
        # While the server finishes: how many connections each listener is to accept before it closes.
        self._last: dict[Listener, int] | None = None
        self._transports: set[Any] = set()
        self._waiters: list[asyncio.Future[None]] | None = []
        self._serving = False
        self._socket_files: list[tuple[str | bytes, int]] = []  # path and inode, to remove on close
        self._serving_forever: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} sockets={self.sockets!r}>"

    # Called by the transports.

    def _attach(self, transport: Any) -> None:
        self._transports.add(transport)
        if len(self._transports) >= self._max_connections:
            self._full = True
            for listener in self._listeners or ():
                listener.pause()

    def _detach(self, transport: Any) -> None:
        self._transports.discard(transport)
        if self._full and len(self._transports) < self._max_connections:
            self._full = False
            if self._listeners is not None and not self._loop.is_closed():
                # Not from here: it is the end of another connection, and its descriptor is still open.
                self._loop.call_soon(self._go_on)
        if not self._transports and self._listeners is None:
            self._wake_up()

    def _wake_up(self) -> None:
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def _rest(self, listener: Listener, exc: OSError) -> None:
        """Leave new connections waiting for a while: taking one failed for want of descriptors or memory."""
        self._loop.call_exception_handler({
            "message": "socket.accept() out of system resource",
            "exception": exc,
            "socket": TransportSocket(listener.sock),
        })
        listener.pause()
        self._loop.call_later(ACCEPT_RETRY_DELAY, self._go_on)

    def _go_on(self) -> None:
        """Accept again: there may be room."""
        if not self._serving or self._full:
            return
        if self._last is not None:
            self._accept_last()
            return
        for listener in self._listeners or ():
            listener.start()

    def _accept_last(self) -> None:
        """Accept what is left of the queues, and close; go on later where there is no room."""
        last = self._last or {}
        for listener in last:
            if last[listener]:
                try:
                    last[listener] = listener.accept(last[listener])
                except OSError as exc:
                    last[listener] = 0
                    self._loop.call_exception_handler({
                        "message": "socket.accept() failed as the server ends",
                        "exception": exc,
                        "socket": TransportSocket(listener.sock),
                    })
                if last[listener] or self._listeners is None:
                    return
                # At once: whoever connects between the last accept and this is lost.
                listener.close()
        self.close()

    # asyncio.Server.

    def get_loop(self) -> LoopBase:
        """Return the loop the server belongs to."""
        return self._loop

    def is_serving(self) -> bool:
        """Say whether connections are accepted."""
        return self._serving

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._transports)

    @property
    def sockets(self) -> tuple[TransportSocket, ...]:  # type: ignore[override]
        """The listening sockets; none once closed."""
        return tuple(TransportSocket(listener.sock) for listener in self._listeners or ())

    @property
    def _sockets(self) -> list[socket.socket] | None:
        """As asyncio.Server has them; None once closed."""
        return None if self._listeners is None else [listener.sock for listener in self._listeners]

    def _start_serving(self) -> None:
        if self._serving or self._listeners is None:
            return
        self._serving = True
        for listener in self._listeners:
            listener.sock.listen(self._backlog)
            listener.start()

    async def start_serving(self) -> None:
        """Accept connections from now on."""
        self._start_serving()
        # The listeners are in the epoll set; let what has arrived be accepted first, as asyncio does.
        await asyncio.sleep(0)

    async def serve_forever(self) -> None:
        """Accept connections until cancelled, then close, those that are open too, and wait for their end.

        With Python 3.11 they go on, as asyncio had it: there a closed server waits for nobody.
        """
        if self._serving_forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        if self._listeners is None:
            raise RuntimeError(f"server {self!r} is closed")
        self._start_serving()
        self._serving_forever = self._loop.create_future()
        try:
            await self._serving_forever
        except asyncio.CancelledError:
            try:
                self.close()
                if sys.version_info >= (3, 12):
                    # Those that go on would keep it waiting.
                    self.close_clients()
                await self.wait_closed()
            finally:
                raise
        finally:
            self._serving_forever = None

    def remove_on_close(self, path: str | bytes) -> None:
        """Have the socket file at path removed on close, if it is still the one that is there now."""
        if path and path[:1] not in ("\0", b"\0"):
            self._socket_files.append((path, os.stat(path).st_ino))

    def finish(self) -> None:
        """Accept the connections that the kernel has queued by now, then close.

        What there is no room for, or no descriptor, it waits for: `wait_ended` tells when all is done.
        """
        if not self._serving:
            self.close()
        elif self._last is None:
            # No queue is longer: who has come later waits behind those that are counted here.
            self._last = dict.fromkeys(self._listeners or (), max(self._backlog, 1) + 1)
            for listener in self._last:
                listener.pause()
            self._go_on()

    def close(self) -> None:
        """Stop listening. Open connections go on."""
        listeners, self._listeners = self._listeners, None
        if listeners is None:
            return
        self._serving = False
        for listener in listeners:
            listener.close()
        for path, inode in self._socket_files:
            try:
                if os.stat(path).st_ino == inode:
                    os.unlink(path)
            except FileNotFoundError:
                pass
            except OSError as exc:
                logger.error("Unable to clean up listening UNIX socket %r: %r", path, exc)
        if self._serving_forever is not None and not self._serving_forever.done():
            self._serving_forever.cancel()
        if not self._transports:
            self._wake_up()

    async def wait_closed(self) -> None:
        """Wait until the server is closed and its last connection has ended.

        With Python 3.11 a closed server is not waited for, as asyncio had it: who relies on it would hang.
        """
        if sys.version_info >= (3, 12) or self._listeners is not None:
            await self.wait_ended()

    async def wait_ended(self) -> None:
        """Wait until the server is closed and its last connection has ended, with every Python."""
        if self._waiters is None:
            return
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def close_clients(self) -> None:
        """Close every open connection once what is written to it is sent."""
        for transport in self._transports.copy():
            protocol = transport.get_protocol()
            # TLS has an ending of its own to send.
            face = protocol.transport if isinstance(protocol, TLSSession) else transport
            face.close()

    def abort_clients(self) -> None:
        """Close every open connection at once."""
        for transport in self._transports.copy():
            transport.abort()
