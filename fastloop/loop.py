"""EventLoop: the asyncio surface over the compiled core, and all that happens once per loop or connection."""

import asyncio
import contextvars
import socket
import sys
import warnings
import weakref
from asyncio import events, tasks
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

from fastloop import _dns
from fastloop._connect import Connecting
from fastloop._datagram import Datagrams
from fastloop._debug import Reporting
from fastloop._executor import Executing
from fastloop._fork import disown_in_children
from fastloop._listen import Listening
from fastloop._pipes import Pipes
from fastloop._process import Processes
from fastloop._sendfile import Sendfile
from fastloop._signals import Signals, signals_wake
from fastloop._sock import SocketCalls

T = TypeVar("T")


class EventLoop(
    Connecting,
    Listening,
    Datagrams,
    Executing,
    Pipes,
    Processes,
    Reporting,
    Sendfile,
    Signals,
    SocketCalls,
):
    """An asyncio event loop on epoll. Belongs to the thread that runs it."""

    def __init__(self) -> None:
        super().__init__()
        self._asyncgens: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self._asyncgens_shut_down = False
        disown_in_children(self)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} running={self.is_running()} "
            f"closed={self.is_closed()} debug={self.get_debug()}>"
        )

    def __del__(self) -> None:
        if not self.is_closed() and not self.is_running():
            warnings.warn(f"unclosed event loop {self!r}", ResourceWarning, source=self, stacklevel=1)
            self.close()

    # Running.

    def _check_runnable(self) -> None:
        self._check_closed()
        if self.is_running():
            raise RuntimeError("This event loop is already running")
        if events._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")

    def run_forever(self) -> None:
        """Run until `stop` is called."""
        self._check_runnable()
        hooks = sys.get_asyncgen_hooks()
        self._track_origins(self.get_debug())
        sys.set_asyncgen_hooks(firstiter=self._asyncgen_begins, finalizer=self._asyncgen_dropped)
        events._set_running_loop(self)
        try:
            with signals_wake(self):
                self._run()
        finally:
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)
            self._track_origins(False)

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Run until future, or the coroutine as a task, is done; return its result or raise its exception."""
        self._check_runnable()
        ours = not asyncio.isfuture(future)
        task: asyncio.Future[T] = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]
        if ours:
            # The loop stops under it when an exception comes through: no news then.
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        task.add_done_callback(self._stop_when_done)
        try:
            self.run_forever()
        except BaseException:
            if ours and task.done() and not task.cancelled():
                # It is what we raise: mark it as retrieved.
                task.exception()
            raise
        finally:
            task.remove_done_callback(self._stop_when_done)
        if not task.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return task.result()

    def _stop_when_done(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and isinstance(future.exception(), (SystemExit, KeyboardInterrupt)):
            return  # it has come through run_forever already
        self.stop()

    def close(self) -> None:
        """Drop what is scheduled and let the executor's threads end. The loop must not be running."""
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self.is_closed():
            return
        self._close()
        self._drop_executor()
        self._drop_signal_handlers()

    # Futures and tasks.

    def _create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        **options: Any,
    ) -> asyncio.Task[T]:
        """`create_task` where there is more to it than a plain task."""
        self._check_closed()
        if self._task_factory is None:
            plain = tasks.Task(coro, loop=self, name=name, context=context, **options)  # type: ignore[arg-type]
            if self.get_debug():
                # It is the caller that made it.
                del plain._source_traceback[-1:]  # type: ignore[attr-defined]
            return plain
        if context is not None:
            options["context"] = context
        named = name is None or sys.version_info >= (3, 13, 3)
        if name is not None and named:
            options["name"] = name
        task = self._task_factory(self, coro, **options)
        if not named and hasattr(task, "set_name"):
            task.set_name(name)
        return task  # type: ignore[return-value]

    def set_task_factory(self, factory: Callable[..., asyncio.Future[Any]] | None) -> None:
        """Have `create_task` call factory(loop, coro, **options); None: make plain tasks."""
        if factory is not None and not callable(factory):
            raise TypeError("task factory must be a callable or None")
        self._task_factory = factory

    def get_task_factory(self) -> Callable[..., asyncio.Future[Any]] | None:
        """Return the task factory; None where there is none."""
        return self._task_factory

    # Asynchronous generators (PEP 525).

    def _asyncgen_begins(self, agen: AsyncGenerator[Any, Any]) -> None:
        if self._asyncgens_shut_down:
            warnings.warn(
                f"asynchronous generator {agen!r} was scheduled after loop.shutdown_asyncgens() call",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )
        self._asyncgens.add(agen)

    def _asyncgen_dropped(self, agen: AsyncGenerator[Any, Any]) -> None:
        self._asyncgens.discard(agen)
        if not self.is_closed():
            # The garbage collector may call this from any thread.
            self.call_soon_threadsafe(self.create_task, agen.aclose())

    async def shutdown_asyncgens(self) -> None:
        """Close the asynchronous generators that are still open."""
        self._asyncgens_shut_down = True
        agens = list(self._asyncgens)
        self._asyncgens.clear()
        results = await asyncio.gather(*[agen.aclose() for agen in agens], return_exceptions=True)
        for agen, result in zip(agens, results, strict=True):
            if isinstance(result, Exception):
                self.call_exception_handler({
                    "message": f"an error occurred during closing of asynchronous generator {agen!r}",
                    "exception": result,
                    "asyncgen": agen,
                })

    # Names and sockets.

    async def getaddrinfo(  # type: ignore[override]
        self,
        host: str | bytes | None,
        port: str | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[_dns.AddressInfo]:
        """Resolve as `socket.getaddrinfo`; names in the executor, address literals at once."""
        self._check_closed()
        if host.__class__ is str and port.__class__ is int:
            known = _dns.maybe_answer(host, port, family, type, proto, flags)
            if known is not None:
                return list(known)
        return await _dns.getaddrinfo(self, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Look up as `socket.getnameinfo`, in the executor."""
        return await self.run_in_executor(None, socket.getnameinfo, sockaddr, flags)


def new_event_loop() -> EventLoop:
    """Return a new loop, for `asyncio.Runner(loop_factory=...)` and the like."""
    return EventLoop()


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """Run the coroutine main on a new loop and return its result, as `asyncio.run`."""
    if events._get_running_loop() is not None:
        raise RuntimeError("fastloop.run() cannot be called from a running event loop")
    with asyncio.Runner(debug=debug, loop_factory=new_event_loop) as runner:
        return runner.run(main)
