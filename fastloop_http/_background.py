"""What requests have asked for after their answers (`request.after`): run, and ended with the server."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, TypeAlias

logger = logging.getLogger("fastloop_http")

# (context, call, args)
After: TypeAlias = tuple[Context, Callable[..., object], tuple[Any, ...]]

# Seconds between two looks at whether a client that is slow to read has taken its answer.
LOOK_S = 0.05
# Seconds that what is dropped has to clean up.
DROP_S = 1.0


class Background:
    """The calls of `request.after` of one server on one loop; len() counts those that are not done."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._left = 0
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._dropped = False
        self._ended: asyncio.Future[None] | None = None  # of who waits for the last; None: nobody does

    def __call__(self, transport: asyncio.Transport | None, line: str, calls: Sequence[After]) -> None:
        """Call each of calls once transport has sent what waits in it; line: of the request, for the log.

        transport: None where there is nothing to wait for.
        """
        self._left += len(calls)
        # What was written in this turn is sent at its end: the first look is too early for it.
        self._loop.call_soon(self._look, transport, line, calls, 0.0)

    def _look(
        self, transport: asyncio.Transport | None, line: str, calls: Sequence[After], wait_s: float
    ) -> None:
        if transport is not None and transport.get_write_buffer_size() and not self._dropped:
            self._loop.call_later(wait_s, self._look, transport, line, calls, LOOK_S)
            return
        for context, call, args in calls:
            self._loop.call_soon(self._run, line, call, args, context=context)

    def _run(self, line: str, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            result = None if self._dropped else call(*args)
            if asyncio.iscoroutine(result):
                task = self._loop.create_task(result)
                self._tasks[task] = line
                self._left += 1
                task.add_done_callback(self._task_done)
        except Exception as exc:
            log_failure(line, exc)
        finally:
            self._done()

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        line = self._tasks.pop(task)
        if task.cancelled():
            if not self._dropped:
                logger.warning("request.after() of %s: cancelled", line)
        elif (exc := task.exception()) is not None:
            log_failure(line, exc)
        self._done()

    def _done(self) -> None:
        self._left -= 1
        if not self._left and self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def __len__(self) -> int:
        return self._left

    async def wait_ended(self) -> None:
        """Wait until all is done."""
        if self._left:
            self._ended = self._loop.create_future()
            await self._ended

    async def drop(self) -> None:
        """Cancel what runs, and call nothing more."""
        self._dropped = True
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DROP_S)


def log_failure(line: str, exc: BaseException) -> None:
    """Log what a call of the request of this line has raised."""
    logger.error("request.after() of %s failed", line, exc_info=exc)
