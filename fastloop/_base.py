"""What every part of EventLoop builds on: the compiled core under asyncio's interface."""

import asyncio
from typing import Any

from fastloop._core import schedule
from fastloop._core.loop import LoopCore
from fastloop._core.transport import Protocol


def check_protocol(protocol: Any) -> None:
    """Raise AttributeError for what cannot be told of a connection: a factory has returned it by mistake."""
    if not isinstance(protocol, Protocol):
        _ = protocol.connection_made


class LoopBase(LoopCore, asyncio.AbstractEventLoop):
    """The compiled core as an asyncio event loop. The parts of EventLoop derive from it, one a purpose."""

    call_soon = schedule.call_soon
    call_soon_threadsafe = schedule.call_soon_threadsafe
    call_later = schedule.call_later
    call_at = schedule.call_at
    create_future = schedule.create_future
    create_task = schedule.create_task

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        # By asyncio's name: told of an asyncio.TimerHandle that somebody has made for this loop.
        pass
