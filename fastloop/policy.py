"""The event loop policy, where asyncio has policies: deprecated in Python 3.14, gone in 3.16."""

import asyncio
import sys
import warnings
from typing import TYPE_CHECKING

if sys.version_info >= (3, 16):
    raise ImportError("asyncio has no event loop policies from Python 3.16 on; use fastloop.run()")

from fastloop.loop import EventLoop

with warnings.catch_warnings():
    # Importing us is no use of policies yet; installing one warns as asyncio wants.
    warnings.simplefilter("ignore", DeprecationWarning)
    from asyncio import DefaultEventLoopPolicy as _DefaultEventLoopPolicy


class EventLoopPolicy(_DefaultEventLoopPolicy):
    """Makes fastloop's the loop of `asyncio.run`, `asyncio.new_event_loop` and whoever calls them."""

    _loop_factory = EventLoop

    if TYPE_CHECKING:
        def new_event_loop(self) -> EventLoop: ...


def install() -> None:
    """Make every loop that asyncio creates from now on a fastloop loop."""
    asyncio.set_event_loop_policy(EventLoopPolicy())
