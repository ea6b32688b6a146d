"""Child processes: started by `subprocess.Popen`, awaited by pidfd (pidfd_open(2)), talked to through pipes.

No thread for a child, no SIGCHLD handler, no child watcher: a child's pidfd is readable once it has ended, in
whatever thread the loop runs. How its exit status is taken is `_reap`'s affair.
"""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import threading
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from fastloop._base import LoopBase
from fastloop._reap import has_ended, reap, wait_in_thread

P = TypeVar("P", bound=asyncio.BaseProtocol)

logger = logging.getLogger("asyncio")

# A child's pipes are closed before it counts as ended: one poll reads what is left in them, the next their
# end, the third finds them lost. Ready work keeps the loop from polling for a millisecond at most.
PIPES_POLLED = 3
POLL_INTERVAL = 0.001

class ChildPipe(asyncio.Protocol):
    """The protocol of one pipe of a child: passes on what happens to it."""

    def __init__(self, process: "ProcessTransport", fd: int) -> None:
        self._process: ProcessTransport | None = process
        self._fd = fd  # the child's number for it: 0, 1 or 2
        self.transport: Any = None
        self.lost = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} fd={self._fd} {self.transport!r}>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._process is not None
        self._process._call(self._process._protocol.pipe_data_received, self._fd, data)

    def connection_lost(self, exc: Exception | None) -> None:
        process, self._process = self._process, None
        assert process is not None
        self.lost = True
        process._call(process._protocol.pipe_connection_lost, self._fd, exc)
        process._maybe_finish()

    def pause_writing(self) -> None:
        assert self._process is not None
        self._process.get_protocol().pause_writing()

    def resume_writing(self) -> None:
        assert self._process is not None
        self._process.get_protocol().resume_writing()


class ProcessTransport(asyncio.SubprocessTransport):
    """A child process. Lives, held by the loop, until the child has ended and its pipes are closed."""

    def __init__(
        self, loop: LoopBase, protocol: asyncio.BaseProtocol, process: "subprocess.Popen[bytes]"
    ) -> None:
        super().__init__({"subprocess": process})
        self._loop = loop
        self._protocol: Any = protocol
        self._process = process
        self._pid = process.pid
        self._returncode: int | None = None
        self._pipes: dict[int, ChildPipe] = {
            fd: ChildPipe(self, fd)
            for fd, pipe in enumerate((process.stdin, process.stdout, process.stderr))
            if pipe is not None
        }
        # What to call once the protocol has been told of the connection; None: it has been.
        self._early_calls: list[tuple[Any, ...]] | None = []
        self._connecting = True
        self._closed = False
        self._finished = False  # connection_lost is called, or scheduled to be
        self._waiters: set[asyncio.Future[None]] = set()
        self._settled = False  # _wait() need not wait
        self._pidfd = -1
        self._watch()

    def __repr__(self) -> str:
        info = [type(self).__name__]
        if self._closed:
            info.append("closed")
        info.append(f"pid={self._pid}")
        info.append("running" if self._returncode is None else f"returncode={self._returncode}")
        info += [
            f"{name}={pipe.transport!r}"
            for fd, name in enumerate(("stdin", "stdout", "stderr"))
            if (pipe := self._pipes.get(fd)) is not None
        ]
        return f"<{' '.join(info)}>"

    def __del__(self) -> None:
        if not self._closed:
            warnings.warn(f"unclosed transport {self!r}", ResourceWarning, source=self, stacklevel=1)
            self.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)

    # What the loop asks.

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Report to another protocol from now on."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol; None once it was told that all is over."""
        return self._protocol

    def is_closing(self) -> bool:
        """Say whether `close` was called."""
        return self._closed

    def get_pid(self) -> int:
        """Return the child's process id."""
        return self._pid

    def get_returncode(self) -> int | None:
        """Return the exit code; -n: ended by signal n; None: still running."""
        return self._returncode

    def get_pipe_transport(self, fd: int) -> asyncio.BaseTransport | None:
        """Return the transport of our end of the child's descriptor fd (0, 1, 2); None: not a pipe."""
        pipe = self._pipes.get(fd)
        return None if pipe is None else pipe.transport

    def send_signal(self, signal: int) -> None:
        """Send signal; nothing happens to a child that has ended, once all is over ProcessLookupError."""
        if self._protocol is None:
            raise ProcessLookupError
        # The number stays the child's until its exit status is taken, which is where _returncode is set.
        if self._returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Close the pipes and kill the child if it still runs."""
        if self._closed:
            return
        self._closed = True
        if not self._loop.is_closed():
            # After that a pipe cannot tell its protocol any more; it closes with its transport.
            for pipe in self._pipes.values():
                if pipe.transport is not None:
                    pipe.transport.close()
        if self._returncode is None and not has_ended(self._process):
            if self._loop.get_debug():
                logger.warning("Close running child process: kill %r", self)
            # PermissionError: it runs as somebody else by now.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                self._process.kill()

    # The child's end.

    def _watch(self) -> None:
        try:
            self._pidfd = os.pidfd_open(self._pid)
        except (AttributeError, OSError):
            # No such system call, or none for us, or no descriptor left.
            threading.Thread(
                target=wait_in_thread,
                args=(self._loop, self._pid, self._ended),
                name=f"fastloop-waitpid-{self._pid}",
                daemon=True,
            ).start()
        else:
            self._loop.add_reader(self._pidfd, self._ended)

    def _ended(self) -> None:
        # A tracer may not have let go of it yet: the pidfd stays readable, and we come back.
        returncode = reap(self._process, os.WNOHANG if self._pidfd >= 0 else 0)
        if returncode is None:
            return
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        if self._loop.get_debug():
            logger.info("%r exited with return code %r", self, returncode)
        self._returncode = returncode
        self._call(self._protocol.process_exited)
        self._maybe_finish()
        self._settle(PIPES_POLLED)

    def _settle(self, polls: int) -> None:
        """Wake who waits: when all is over, or in some polls, where a grandchild holds a pipe open."""
        if polls and self._protocol is not None:
            # Pipes that are not watched yet learn nothing from a poll.
            left = polls if self._connecting else polls - 1
            self._loop.call_later(POLL_INTERVAL, self._settle, left)
            return
        self._settled = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _wait(self) -> int:
        """Wait until the child has ended, and return its exit code. `asyncio.subprocess.Process` calls it."""
        if not self._settled:
            waiter = self._loop.create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
        assert self._returncode is not None
        return self._returncode

    # The protocol.

    async def _connect(self) -> None:
        """Make transports of the pipes, and tell the protocol of the connection."""
        loop, process = self._loop, self._process
        try:
            if process.stdin is not None:
                await loop.connect_write_pipe(lambda: self._pipes[0], process.stdin)
            if process.stdout is not None:
                await loop.connect_read_pipe(lambda: self._pipes[1], process.stdout)
            if process.stderr is not None:
                await loop.connect_read_pipe(lambda: self._pipes[2], process.stderr)
        except BaseException:
            for fd, pipe in enumerate((process.stdin, process.stdout, process.stderr)):
                if pipe is not None and self._pipes[fd].transport is None:
                    pipe.close()
            raise
        finally:
            self._connecting = False
        loop.call_soon(self._protocol.connection_made, self)
        calls, self._early_calls = self._early_calls, None
        for callback, *args in calls or ():
            loop.call_soon(callback, *args)
        # All of that is scheduled before this wakes up.
        await asyncio.sleep(0)

    def _call(self, callback: Callable[..., object], *args: object) -> None:
        """Schedule a call of the protocol: never before connection_made, never out of order."""
        if self._early_calls is None:
            self._loop.call_soon(callback, *args)
        else:
            self._early_calls.append((callback, *args))

    def _maybe_finish(self) -> None:
        if self._returncode is None or self._finished or not all(pipe.lost for pipe in self._pipes.values()):
            return
        self._finished = True
        self._call(self._lost)

    def _lost(self) -> None:
        protocol, self._protocol = self._protocol, None
        try:
            protocol.connection_lost(None)
        finally:
            self._settle(0)


class Processes(LoopBase):
    """The methods of a loop that start child processes."""

    async def subprocess_exec(
        self,
        protocol_factory: Callable[[], P],
        program: Any,
        *args: Any,
        stdin: Any = subprocess.PIPE,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
        universal_newlines: bool = False,
        shell: bool = False,
        bufsize: int = 0,
        encoding: str | None = None,
        errors: str | None = None,
        text: bool | None = None,
        **options: Any,
    ) -> tuple[asyncio.SubprocessTransport, P]:
        """Run program with args, other options as `subprocess.Popen`; return (transport, protocol)."""
        self._check_closed()
        check_options(universal_newlines, shell, False, bufsize, text, encoding, errors)
        protocol = protocol_factory()
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        return await self._start_process(protocol, (program, *args), shell, streams, options), protocol

    async def subprocess_shell(
        self,
        protocol_factory: Callable[[], P],
        cmd: str | bytes,
        *,
        stdin: Any = subprocess.PIPE,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
        universal_newlines: bool = False,
        shell: bool = True,
        bufsize: int = 0,
        encoding: str | None = None,
        errors: str | None = None,
        text: bool | None = None,
        **options: Any,
    ) -> tuple[asyncio.SubprocessTransport, P]:
        """Have a shell run cmd, other options as `subprocess.Popen`; return (transport, protocol)."""
        self._check_closed()
        if not isinstance(cmd, (bytes, str)):
            raise ValueError("cmd must be a string")
        check_options(universal_newlines, shell, True, bufsize, text, encoding, errors)
        protocol = protocol_factory()
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        return await self._start_process(protocol, cmd, shell, streams, options), protocol

    async def _start_process(
        self,
        protocol: asyncio.BaseProtocol,
        args: Any,
        shell: bool,
        streams: dict[str, Any],
        options: dict[str, Any],
    ) -> ProcessTransport:
        process = subprocess.Popen(args, shell=shell, bufsize=0, **streams, **options)  # noqa: ASYNC220
        transport = ProcessTransport(self, protocol, process)
        if self.get_debug():
            logger.debug("process %r created: pid %s", args if shell else args[0], process.pid)
        try:
            await transport._connect()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            transport.close()
            await asyncio.shield(transport._wait())
            raise
        return transport


def check_options(
    universal_newlines: bool,
    shell: bool,
    shell_expected: bool,
    bufsize: int,
    text: bool | None,
    encoding: str | None,
    errors: str | None,
) -> None:
    """Refuse what would put text, or a buffer, between us and the pipes."""
    if universal_newlines:
        raise ValueError("universal_newlines must be False")
    if bool(shell) is not shell_expected:
        raise ValueError(f"shell must be {shell_expected}")
    if bufsize != 0:
        raise ValueError("bufsize must be 0")
    if text:
        raise ValueError("text must be False")
    if encoding is not None:
        raise ValueError("encoding must be None")
    if errors is not None:
        raise ValueError("errors must be None")
