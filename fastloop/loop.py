"""EventLoop: the asyncio surface over the compiled core, and all that happens once per loop or connection."""

import asyncio
import concurrent.futures
import contextvars
import logging
import os
import socket
import sys
import threading
import traceback
import warnings
import weakref
from asyncio import events
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar, TypeVarTuple

from fastloop import _dns, _sockets
from fastloop._connect import Connecting
from fastloop._datagram import Datagrams
from fastloop._listen import Listening
from fastloop._signals import signals_wake
from fastloop._unimplemented import Unimplemented

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
ExceptionContext = dict[str, Any]
ExceptionHandler = Callable[[asyncio.AbstractEventLoop, ExceptionContext], object]

logger = logging.getLogger("asyncio")


class EventLoop(Connecting, Listening, Datagrams, Unimplemented):
    """An asyncio event loop on epoll. Belongs to the thread that runs it."""

    def __init__(self) -> None:
        self._task_factory: Callable[..., asyncio.Future[Any]] | None = None
        self._exception_handler: ExceptionHandler | None = None
        self._default_executor: concurrent.futures.ThreadPoolExecutor | None = None
        self._executor_shut_down = False
        self._asyncgens: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self._asyncgens_shut_down = False
        self.set_debug(sys.flags.dev_mode or (
            not sys.flags.ignore_environment and bool(os.environ.get("PYTHONASYNCIODEBUG"))
        ))

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

    def _check_closed(self) -> None:
        if self.is_closed():
            raise RuntimeError("Event loop is closed")

    def run_forever(self) -> None:
        """Run until `stop` is called."""
        self._check_runnable()
        hooks = sys.get_asyncgen_hooks()
        origin_depth = sys.get_coroutine_origin_tracking_depth()
        if self.get_debug():
            sys.set_coroutine_origin_tracking_depth(10)
        sys.set_asyncgen_hooks(firstiter=self._asyncgen_begins, finalizer=self._asyncgen_dropped)
        events._set_running_loop(self)
        try:
            with signals_wake(self):
                self._run()
        finally:
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)
            sys.set_coroutine_origin_tracking_depth(origin_depth)

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
        executor, self._default_executor = self._default_executor, None
        self._executor_shut_down = True
        if executor is not None:
            executor.shutdown(wait=False)

    # Futures and tasks.

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        **options: Any,
    ) -> asyncio.Task[T]:
        """Schedule coro, by the task factory if there is one; options are asyncio.Task's of this Python."""
        self._check_closed()
        if self._task_factory is None:
            return asyncio.Task(coro, loop=self, name=name, context=context, **options)  # type: ignore[arg-type]
        if context is not None:
            options["context"] = context
        if sys.version_info >= (3, 13, 3):
            return self._task_factory(self, coro, name=name, **options)  # type: ignore[return-value]
        task = self._task_factory(self, coro, **options)
        if name is not None and hasattr(task, "set_name"):
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

    # Threads.

    def run_in_executor(
        self, executor: concurrent.futures.Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run func(*args) in executor, by default a pool of threads of the loop's own."""
        self._check_closed()
        if executor is None:
            if self._executor_shut_down:
                raise RuntimeError("Executor shutdown has been called")
            if self._default_executor is None:
                self._default_executor = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="fastloop")
            executor = self._default_executor
        return asyncio.wrap_future(executor.submit(func, *args), loop=self)

    def set_default_executor(self, executor: concurrent.futures.Executor) -> None:
        """Use executor where `run_in_executor` is given None."""
        if not isinstance(executor, concurrent.futures.ThreadPoolExecutor):
            raise TypeError(f"executor must be ThreadPoolExecutor instance, not {type(executor).__name__!r}")
        self._default_executor = executor

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Wait for the default executor's threads, for timeout seconds at most (None: for ever)."""
        self._executor_shut_down = True
        executor = self._default_executor
        if executor is None:
            return
        done = self.create_future()

        def wake_up() -> None:
            if not done.done():
                done.set_result(None)

        def shut_down() -> None:
            executor.shutdown(wait=True)
            if not self.is_closed():
                self.call_soon_threadsafe(wake_up)

        thread = threading.Thread(target=shut_down)
        thread.start()
        try:
            async with asyncio.timeout(timeout):
                await done
        except TimeoutError:
            warnings.warn(
                f"The executor did not finishing joining its threads within {timeout} seconds.",
                RuntimeWarning,
                stacklevel=2,
            )
            executor.shutdown(wait=False)
        else:
            thread.join()

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

    # Errors nobody waits for.

    def set_exception_handler(self, handler: ExceptionHandler | None) -> None:
        """Have handler(loop, context) called for errors that no caller sees; None: log them."""
        if handler is not None and not callable(handler):
            raise TypeError(f"A callable object or None is expected, got {handler!r}")
        self._exception_handler = handler

    def get_exception_handler(self) -> ExceptionHandler | None:
        """Return the exception handler; None where errors are logged."""
        return self._exception_handler

    def default_exception_handler(self, context: ExceptionContext) -> None:
        """Log context through the "asyncio" logger."""
        exception = context.get("exception")
        lines = [context.get("message") or "Unhandled exception in event loop"]
        for key in sorted(context.keys() - {"message", "exception"}):
            value = context[key]
            if key in ("source_traceback", "handle_traceback"):
                frames = "".join(traceback.format_list(value)).rstrip()
                lines.append(f"{key}: (most recent call last)\n{frames}")
            else:
                lines.append(f"{key}: {value!r}")
        logger.error("\n".join(lines), exc_info=exception)

    def call_exception_handler(self, context: ExceptionContext) -> None:
        """Report context ("message", and perhaps "exception" and others) to the exception handler."""
        handler = self._exception_handler
        try:
            if handler is not None:
                handler(self, context)
                return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            context = {
                "message": "Unhandled error in exception handler",
                "exception": exc,
                "context": context,
            }
        try:
            self.default_exception_handler(context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            # An override that raises: the last resort.
            logger.error("Exception in default exception handler", exc_info=True)

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
        return await _dns.getaddrinfo(self, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Look up as `socket.getnameinfo`, in the executor."""
        return await self.run_in_executor(None, socket.getnameinfo, sockaddr, flags)

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect sock, which must be non-blocking, to address."""
        await _sockets.sock_connect(self, sock, address)


def new_event_loop() -> EventLoop:
    """Return a new loop, for `asyncio.Runner(loop_factory=...)` and the like."""
    return EventLoop()


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """Run the coroutine main on a new loop and return its result, as `asyncio.run`."""
    with asyncio.Runner(debug=debug, loop_factory=new_event_loop) as runner:
        return runner.run(main)
