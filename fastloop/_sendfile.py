"""Files to sockets and transports: sendfile(2), or reading and writing where that does not work."""

import asyncio
import io
import os
import socket
from asyncio.constants import _SendfileMode
from collections.abc import Awaitable, Callable
from typing import IO, Any

from fastloop._core.transport import Transport
from fastloop._sock import WOULD_BLOCK, SocketCalls

# Bytes one sendfile(2) is asked for: what a Linux call moves at most is 4 KiB less than 2 GiB.
MOST = 1 << 30
# Bytes read at once where sendfile does not work: a trip to the executor each, and memory each connection.
BLOCK = 64 * 1024


def check_file(file: Any, offset: Any, count: Any) -> None:
    """Raise ValueError or TypeError for what cannot be sent."""
    if "b" not in getattr(file, "mode", "b"):
        raise ValueError("file should be opened in binary mode")
    if count is not None:
        if not isinstance(count, int):
            raise TypeError(f"count must be a positive integer (got {count!r})")
        if count <= 0:
            raise ValueError(f"count must be a positive integer (got {count!r})")
    if not isinstance(offset, int):
        raise TypeError(f"offset must be a non-negative integer (got {offset!r})")
    if offset < 0:
        raise ValueError(f"offset must be a non-negative integer (got {offset!r})")


def check_stream_type(sock: socket.socket) -> None:
    """Raise ValueError unless sock is a stream."""
    if sock.type != socket.SOCK_STREAM:
        raise ValueError("only SOCK_STREAM type sockets are supported")


def seek(file: Any, position: int) -> None:
    """Put file at position, if it has one."""
    if hasattr(file, "seek"):
        file.seek(position)


async def send_natively(
    sock: Any, file: Any, offset: int, count: int | None, room: Callable[[], Awaitable[None]]
) -> int:
    """sendfile(2) from file to sock, waiting for room where there is none; return how many bytes.

    Raises SendfileNotAvailableError where that does not work for this file, and nothing has been sent.
    """
    try:
        size = os.fstat(file.fileno()).st_size
    except (AttributeError, io.UnsupportedOperation, OSError) as exc:
        raise asyncio.SendfileNotAvailableError("not a regular file") from exc
    sent = 0
    available = True
    try:
        while sent != count:
            most = MOST if count is None else min(count - sent, MOST)
            try:
                # Both are asked for their number each time: either may be closed while we wait.
                moved = os.sendfile(sock.fileno(), file.fileno(), offset + sent, most)
            except WOULD_BLOCK:
                await room()
                continue
            except ConnectionError:
                raise
            except OSError as exc:
                if sent:
                    raise
                available = False
                raise asyncio.SendfileNotAvailableError("os.sendfile call failed") from exc
            if moved == 0:
                break
            sent += moved
            # At what was the end of the file the next call most likely finds it, and needs no room for that.
            if sent != count and offset + sent < size:
                await room()
    finally:
        if available:
            seek(file, offset + sent)
    return sent


async def send_by_reading(
    loop: asyncio.AbstractEventLoop,
    file: Any,
    offset: int,
    count: int | None,
    send: Callable[[memoryview], Awaitable[None]],
) -> int:
    """Read file in the executor and send(block) what it holds; return how many bytes."""
    seek(file, offset)
    sent = 0
    block = memoryview(bytearray(BLOCK if count is None else min(count, BLOCK)))
    try:
        while sent != count:
            room = block if count is None else block[: count - sent]
            size = await loop.run_in_executor(None, file.readinto, room)
            if not size:
                break
            await send(room[:size])
            sent += size
    finally:
        seek(file, offset + sent)
    return sent


class Sendfile(SocketCalls):
    """The methods of a loop that send files."""

    # To a socket.

    async def sock_sendfile(
        self,
        sock: socket.socket,
        file: IO[bytes],
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool | None = True,
    ) -> int:
        """Send file, opened in binary mode, from offset to its end, or count bytes of it; return how many.

        The file's position is behind what was sent, in case of an error too. Where sendfile(2) does not work
        the file is read and sent, or, without fallback, SendfileNotAvailableError raised.
        """
        self._check_socket(sock)
        check_stream_type(sock)
        check_file(file, offset, count)
        try:
            return await self._sock_sendfile_native(sock, file, offset, count)
        except asyncio.SendfileNotAvailableError:
            if not fallback:
                raise
        return await send_by_reading(self, file, offset, count, lambda data: self.sock_sendall(sock, data))

    async def _sock_sendfile_native(
        self, sock: socket.socket, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        return await send_natively(sock, file, offset, count, lambda: self._wait_writable(sock))

    # To a transport.

    async def sendfile(
        self,
        transport: asyncio.WriteTransport,
        file: IO[bytes],
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool = True,
    ) -> int:
        """As `sock_sendfile`, to a transport, behind what was written to it. Meanwhile nothing is read.

        While sendfile(2) is used, writes by others raise RuntimeError. TLS cannot use it: without fallback,
        RuntimeError.
        """
        if transport.is_closing():
            raise RuntimeError("Transport is closing")
        mode = getattr(transport, "_sendfile_compatible", _SendfileMode.UNSUPPORTED)
        if mode is _SendfileMode.UNSUPPORTED:
            raise RuntimeError(f"sendfile is not supported for transport {transport!r}")
        if mode is _SendfileMode.TRY_NATIVE:
            try:
                return await self._sendfile_native(transport, file, offset, count)
            except asyncio.SendfileNotAvailableError:
                if not fallback:
                    raise
        if not fallback:
            raise RuntimeError(
                f"fallback is disabled and native sendfile is not supported for transport {transport!r}"
            )
        return await self._sendfile_fallback(transport, file, offset, count)

    async def _sendfile_native(self, transport: Any, file: IO[bytes], offset: int, count: int | None) -> int:
        check_file(file, offset, count)
        async with Sending(transport, natively=True) as sending:
            sock = transport.get_extra_info("socket")
            check_stream_type(sock)
            if transport.queued:
                await sending.room()
            try:
                return await send_natively(sock, file, offset, count, sending.room)
            except ConnectionError as exc:
                transport._force_close(exc)
                raise

    async def _sendfile_fallback(
        self, transport: Any, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        if not isinstance(transport, Transport):
            raise TypeError(f"transport {transport!r} is not one of this loop's")
        check_file(file, offset, count)
        async with Sending(transport, natively=False) as sending:
            return await send_by_reading(self, file, offset, count, sending.write)


class Sending:
    """A file on its way through a transport, which reads nothing meanwhile."""

    def __init__(self, transport: Transport, *, natively: bool) -> None:
        self._transport = transport
        self._natively = natively

    async def __aenter__(self) -> "Sending":
        # Refused after write_eof().
        self._transport.write(b"")
        self._transport._begin_sending(self._natively)
        self._was_reading = self._transport.is_reading()
        self._transport.pause_reading()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport._end_sending()
        if self._was_reading:
            self._transport.resume_reading()

    def check_open(self) -> None:
        if self._transport.is_closing():
            raise ConnectionError("Connection closed by peer")

    async def room(self) -> None:
        """Wait until the transport's queue is sent and its socket takes more."""
        while True:
            await self._transport._room()
            self.check_open()
            if not self._transport.queued:
                return

    async def write(self, data: memoryview) -> None:
        """Write data once the transport lets its protocol write."""
        while True:
            self.check_open()
            if not self._transport._protocol_paused:
                break
            await self._transport._room()
        self._transport.write(data)
