"""Blocking calls in other threads: the executor of a loop."""

import asyncio
import concurrent.futures
import threading
import warnings
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from fastloop._base import LoopBase

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Executing(LoopBase):
    """The methods of a loop that call functions in other threads."""

    def __init__(self) -> None:
        super().__init__()
        self._default_executor: concurrent.futures.ThreadPoolExecutor | None = None
        self._executor_shut_down = False

    def run_in_executor(
        self, executor: concurrent.futures.Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run func(*args) in executor, by default a pool of threads of the loop's own."""
        self._check_closed()
        if self.get_debug():
            self._check_callback(func, "run_in_executor")
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
        """Wait for the default executor's threads, for timeout seconds at most (None: for ever).

        A pool that does not end in time is left behind with a RuntimeWarning.
        """
        self._executor_shut_down = True
        executor = self._default_executor
        if executor is None:
            return
        done = self.create_future()

        def wake_up(failure: BaseException | None) -> None:
            if done.done():
                return
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(failure)

        def shut_down() -> None:
            failure = None
            try:
                executor.shutdown(wait=True)
            except Exception as exc:
                failure = exc
            if not self.is_closed():
                self.call_soon_threadsafe(wake_up, failure)

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

    def _drop_executor(self) -> None:
        """Let the default executor's threads end; the loop is closed."""
        executor, self._default_executor = self._default_executor, None
        self._executor_shut_down = True
        if executor is not None:
            executor.shutdown(wait=False)
