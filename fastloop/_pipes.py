"""Pipes: transports over one end of a pipe, a FIFO, a socket or a character device.

Python on add_reader and add_writer. Knows descriptors, not what is at the other end of them.
"""

import asyncio
import errno
import logging
import os
import stat
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from fastloop._base import LoopBase

P = TypeVar("P", bound=asyncio.BaseProtocol)

logger = logging.getLogger("asyncio")

# Bytes one read may take, as asyncio; a pipe holds 64 KiB unless it was told otherwise.
READ_SIZE = 256 * 1024
# Writes to a lost pipe before the log says so, as asyncio.
LOST_WRITES_WARNED = 5


def is_pollable(pipe: Any) -> bool:
    """Say whether pipe is of a kind that has readiness: epoll(7) refuses the others."""
    mode = os.fstat(pipe.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


class PipeTransport(asyncio.BaseTransport):
    """What both directions share: the pipe, which the transport owns, the protocol, and the way to close."""

    def __init__(self, loop: LoopBase, pipe: Any, protocol: asyncio.BaseProtocol) -> None:
        super().__init__({"pipe": pipe})
        self._loop = loop
        self._pipe = pipe  # None: closed
        self._fd: int = pipe.fileno()
        self._protocol: Any = protocol
        self._closing = False
        self._losing = False  # connection_lost is called, or scheduled to be
        os.set_blocking(self._fd, False)
        loop.call_soon(protocol.connection_made, self)
        loop.call_soon(self._start)

    def __repr__(self) -> str:
        state = "closed" if self._pipe is None else "closing" if self._closing else "open"
        return f"<{type(self).__name__} {state} fd={self._fd}>"

    def __del__(self) -> None:
        if self._pipe is not None:
            warnings.warn(f"unclosed transport {self!r}", ResourceWarning, source=self, stacklevel=1)
            self._pipe.close()

    def _start(self) -> None:
        """Begin to watch the pipe: the protocol knows of it now."""
        raise NotImplementedError

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the pipe over to another protocol."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol; None once it was told that the pipe is closed."""
        return self._protocol  # type: ignore[no-any-return]

    def is_closing(self) -> bool:
        """Say whether the transport is closing or closed."""
        return self._closing

    def _watch(self, callback: Callable[[], object]) -> None:
        try:
            self._loop.add_reader(self._fd, callback)
        except OSError as exc:
            # EPERM: a device without readiness, /dev/null for one.
            self._fail(exc, "Pipe cannot be watched")

    def _fail(self, exc: OSError, message: str) -> None:
        """Close for exc; the exception handler is told, unless it only means that the other side left."""
        if self._is_departure(exc):
            if self._loop.get_debug():
                logger.debug("%r: %s", self, message, exc_info=True)
        else:
            self._loop.call_exception_handler({
                "message": message,
                "exception": exc,
                "transport": self,
                "protocol": self._protocol,
            })
        self._lose(exc)

    def _is_departure(self, exc: OSError) -> bool:
        raise NotImplementedError

    def _lose(self, exc: BaseException | None) -> None:
        """Stop watching the pipe, tell the protocol that it is lost in the next turn, and close it then."""
        self._closing = True
        self._loop.remove_reader(self._fd)
        if not self._losing:
            self._losing = True
            self._loop.call_soon(self._lost, exc)

    def _lost(self, exc: BaseException | None) -> None:
        protocol, self._protocol = self._protocol, None
        try:
            protocol.connection_lost(exc)
        finally:
            pipe, self._pipe = self._pipe, None
            pipe.close()


class ReadPipeTransport(PipeTransport, asyncio.ReadTransport):
    """The reading end of a pipe."""

    _paused = False

    def _start(self) -> None:
        if self.is_reading():
            self._watch(self._read_ready)

    def is_reading(self) -> bool:
        """Say whether data is being received: not paused and not closing."""
        return not self._paused and not self._closing

    def pause_reading(self) -> None:
        """Receive nothing until `resume_reading`."""
        if self.is_reading():
            self._paused = True
            self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        """Receive again."""
        if self._paused and not self._closing:
            self._paused = False
            self._watch(self._read_ready)

    def close(self) -> None:
        """Close without reading what is left."""
        if not self._closing:
            self._lose(None)

    def _read_ready(self) -> None:
        try:
            data = os.read(self._fd, READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._fail(exc, "Fatal read error on pipe transport")
            return
        if data:
            self._protocol.data_received(data)
        else:
            self._loop.call_soon(self._protocol.eof_received)
            self._lose(None)

    def _is_departure(self, exc: OSError) -> bool:
        # What a terminal's master reads once the last slave is closed.
        return exc.errno == errno.EIO


class WritePipeTransport(PipeTransport, asyncio.Transport):
    """The writing end of a pipe. Writes at once what the kernel takes, and queues the rest.

    An asyncio.Transport, as asyncio's own is; of what reads, there is nothing.
    """

    def __init__(self, loop: LoopBase, pipe: Any, protocol: asyncio.BaseProtocol) -> None:
        self._buffer = bytearray()
        self._lost_writes = 0
        self._protocol_paused = False
        self._set_limits()
        super().__init__(loop, pipe, protocol)

    def _start(self) -> None:
        # A writing end is never readable: what is reported is that nobody reads any more. A terminal, which
        # is readable, is not watched.
        if not self._closing and not stat.S_ISCHR(os.fstat(self._fd).st_mode):
            self._watch(self._reader_left)

    def _reader_left(self) -> None:
        self._lose(BrokenPipeError() if self._buffer else None)

    # Writing.

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Write data, or queue a copy of what the pipe does not take now."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data: expecting a bytes-like instance, got {type(data).__name__}")
        view = memoryview(data)
        if not view.nbytes:
            return
        if self._closing:
            if self._lost_writes >= LOST_WRITES_WARNED:
                logger.warning("pipe closed by peer or os.write(pipe, data) raised exception.")
            self._lost_writes += 1
            return
        view = view.cast("B")
        if not self._buffer:
            try:
                written = os.write(self._fd, view)
            except (BlockingIOError, InterruptedError):
                written = 0
            except OSError as exc:
                self._lost_writes += 1
                self._fail(exc, "Fatal write error on pipe transport")
                return
            if written == len(view):
                return
            view = view[written:]
            self._loop.add_writer(self._fd, self._write_ready)
        self._buffer += view
        self._maybe_pause_protocol()

    def _write_ready(self) -> None:
        try:
            written = os.write(self._fd, self._buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._lost_writes += 1
            self._fail(exc, "Fatal write error on pipe transport")
            return
        del self._buffer[:written]
        if not self._buffer:
            self._loop.remove_writer(self._fd)
        self._maybe_resume_protocol()
        if self._closing and not self._buffer:
            self._lose(None)

    def can_write_eof(self) -> bool:
        """Say that there is `write_eof`."""
        return True

    def write_eof(self) -> None:
        """Close once what is queued is written."""
        if not self._closing:
            self._closing = True
            if not self._buffer:
                self._lose(None)

    def close(self) -> None:
        """Close once what is queued is written."""
        self.write_eof()

    def abort(self) -> None:
        """Close at once; what is queued is lost."""
        if self._pipe is not None:
            self._lose(None)

    def _lose(self, exc: BaseException | None) -> None:
        if self._buffer:
            self._loop.remove_writer(self._fd)
            self._buffer.clear()
        super()._lose(exc)

    def _is_departure(self, exc: OSError) -> bool:
        return True

    # Flow control.

    def get_write_buffer_size(self) -> int:
        """Return the number of bytes accepted and not yet written."""
        return len(self._buffer)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and high water marks in bytes."""
        return self._low_water, self._high_water

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks in bytes: above high the protocol is paused, down to low it goes on.

        Defaults: high 64 KiB, or four times low; low a quarter of high. Raises ValueError unless
        high >= low >= 0.
        """
        self._set_limits(high, low)
        self._maybe_pause_protocol()

    def _set_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = 64 * 1024 if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high_water, self._low_water = high, low

    def _maybe_pause_protocol(self) -> None:
        if not self._protocol_paused and len(self._buffer) > self._high_water:
            self._protocol_paused = True
            self._tell_protocol("pause_writing")

    def _maybe_resume_protocol(self) -> None:
        if self._protocol_paused and len(self._buffer) <= self._low_water:
            self._protocol_paused = False
            self._tell_protocol("resume_writing")

    def _tell_protocol(self, method: str) -> None:
        try:
            getattr(self._protocol, method)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._loop.call_exception_handler({
                "message": f"protocol.{method}() failed",
                "exception": exc,
                "transport": self,
                "protocol": self._protocol,
            })


class Pipes(LoopBase):
    """The methods of a loop that return a transport over a pipe."""

    async def connect_read_pipe(
        self, protocol_factory: Callable[[], P], pipe: Any
    ) -> tuple[asyncio.ReadTransport, P]:
        """Read from pipe, a file object that the transport takes over; return (transport, protocol)."""
        self._check_closed()
        protocol = protocol_factory()
        if not is_pollable(pipe):
            raise ValueError("Pipe transport is for pipes/sockets only.")
        transport = ReadPipeTransport(self, pipe, protocol)
        await self._until_connected(transport)
        return transport, protocol

    async def connect_write_pipe(
        self, protocol_factory: Callable[[], P], pipe: Any
    ) -> tuple[asyncio.WriteTransport, P]:
        """Write to pipe, a file object that the transport takes over; return (transport, protocol)."""
        self._check_closed()
        protocol = protocol_factory()
        if not is_pollable(pipe):
            raise ValueError("Pipe transport is only for pipes, sockets and character devices")
        transport = WritePipeTransport(self, pipe, protocol)
        await self._until_connected(transport)
        return transport, protocol

    async def _until_connected(self, transport: PipeTransport) -> None:
        try:
            # connection_made is scheduled before this wakes up.
            await asyncio.sleep(0)
        except BaseException:
            transport.close()
            raise
        if self.get_debug():
            logger.debug("%r connected to %r", transport, transport.get_protocol())
