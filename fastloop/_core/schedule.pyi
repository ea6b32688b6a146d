import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple

from fastloop._core.loop import LoopCore

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
