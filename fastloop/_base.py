"""What every part of EventLoop builds on: the compiled core under asyncio's interface."""

import asyncio

from fastloop._core import loop as core


class LoopBase(core.LoopCore, asyncio.AbstractEventLoop):
    """The compiled core as an asyncio event loop. The parts of EventLoop derive from it, one a purpose."""

    # The callback and what comes before it are positional, as compiled code takes them.
    call_soon = core.call_soon  # type: ignore[assignment]
    call_soon_threadsafe = core.call_soon_threadsafe  # type: ignore[assignment]
    call_later = core.call_later  # type: ignore[assignment]
    call_at = core.call_at  # type: ignore[assignment]
