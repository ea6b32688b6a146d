"""What every part of EventLoop builds on: the compiled core under asyncio's interface."""

import asyncio

from fastloop._core import schedule
from fastloop._core.loop import LoopCore


class LoopBase(LoopCore, asyncio.AbstractEventLoop):
    """The compiled core as an asyncio event loop. The parts of EventLoop derive from it, one a purpose."""

    call_soon = schedule.call_soon
    call_soon_threadsafe = schedule.call_soon_threadsafe
    call_later = schedule.call_later
    call_at = schedule.call_at
    create_future = schedule.create_future
    create_task = schedule.create_task
