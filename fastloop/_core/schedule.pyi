import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

from fastloop._core.loop import LoopCore

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Methods of LoopCore, put in place by the class body of fastloop.EventLoop.
def call_soon(
    self: LoopCore, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
) -> asyncio.Handle: ...
def call_soon_threadsafe(
    self: LoopCore, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
) -> asyncio.Handle: ...
def call_later(
    self: LoopCore,
    delay: float,
    callback: Callable[[*Ts], object],
    *args: *Ts,
    context: Context | None = None,
) -> asyncio.TimerHandle: ...
def call_at(
    self: LoopCore,
    when: float,
    callback: Callable[[*Ts], object],
    *args: *Ts,
    context: Context | None = None,
) -> asyncio.TimerHandle: ...
def create_future(self: LoopCore) -> asyncio.Future[Any]: ...
def create_task(
    self: LoopCore,
    coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
    *,
    name: object = None,
    context: Context | None = None,
    **kwargs: Any,
) -> asyncio.Task[T]: ...
