"""What every part of EventLoop builds on: the compiled core under asyncio's interface."""

import asyncio
from typing import Any

from fastloop._core import loop as core
from fastloop._core.transport import Protocol


def check_protocol(protocol: Any) -> None:
    """Raise AttributeError for what cannot be told of a connection: a factory has returned it by mistake."""
    if not isinstance(protocol, Protocol):
        _ = protocol.connection_made


class LoopBase(core.LoopCore, asyncio.AbstractEventLoop):
    """The compiled core as an asyncio event loop. The parts of EventLoop derive from it, one a purpose."""

    # The callback and what comes before it are positional, as compiled code takes them.
    call_soon = core.call_soon  # type: ignore[assignment]
    call_soon_threadsafe = core.call_soon_threadsafe  # type: ignore[assignment]
    call_later = core.call_later  # type: ignore[assignment]
    call_at = core.call_at  # type: ignore[assignment]

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        # By asyncio's name: told of an asyncio.TimerHandle that somebody has made for this loop.
        pass
