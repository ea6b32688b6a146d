"""What every part of EventLoop builds on: the compiled core under asyncio's interface."""

import asyncio

from fastloop._core import schedule
from fastloop._core.loop import LoopCore


class LoopBase(LoopCore, asyncio.AbstractEventLoop):
    """The compiled core as an asyncio event loop. The parts of EventLoop derive from it, one a purpose."""

    # The callback and what comes before it are positional, as compiled code takes them.
    call_soon = schedule.call_soon  # type: ignore[assignment]
    call_soon_threadsafe = schedule.call_soon_threadsafe  # type: ignore[assignment]
    call_later = schedule.call_later  # type: ignore[assignment]
    call_at = schedule.call_at  # type: ignore[assignment]
