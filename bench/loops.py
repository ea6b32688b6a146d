"""The event loops that are measured, by name. Only the one asked for is imported."""

import asyncio
import importlib
import importlib.util
import sys
from collections.abc import Callable

# Module, and what of it makes a loop.
LOOPS = {
    "fastloop": ("fastloop", "EventLoop"),
    "zuvloop": ("zuvloop", "new_event_loop"),
    "uvloop": ("uvloop", "Loop"),
    "asyncio": ("asyncio", "SelectorEventLoop"),
}
OURS = "fastloop"
OLDEST_PYTHON = {"zuvloop": (3, 14)}


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """Make the named loop."""
    module, attribute = LOOPS[name]
    factory: Callable[[], asyncio.AbstractEventLoop] = getattr(importlib.import_module(module), attribute)
    return factory()


def lacking(name: str) -> str | None:
    """Say why this Python has no such loop; None if it has."""
    oldest = OLDEST_PYTHON.get(name, (3, 11))
    if sys.version_info < oldest:
        return "{} needs Python {}.{} or newer; this is {}.{}".format(name, *oldest, *sys.version_info[:2])
    if importlib.util.find_spec(LOOPS[name][0]) is None:
        return f"{name} is not installed"
    return None
