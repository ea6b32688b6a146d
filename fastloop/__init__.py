"""A compiled epoll event loop that replaces asyncio's.

    fastloop.run(main())                                            # instead of asyncio.run
    asyncio.Runner(loop_factory=fastloop.new_event_loop)            # or as asyncio's own loop factory
    fastloop.install()                                              # or for all of it, up to Python 3.15
"""

import sys
from typing import TYPE_CHECKING

from fastloop.loop import EventLoop, new_event_loop, run

__version__ = "0.1.0"
__all__ = ["EventLoop", "EventLoopPolicy", "install", "new_event_loop", "run"]

if TYPE_CHECKING:
    from fastloop.policy import EventLoopPolicy, install

if sys.version_info >= (3, 16):
    __all__ = ["EventLoop", "new_event_loop", "run"]


def __getattr__(name: str) -> object:
    # Policies are looked up when asked for: asyncio is about to lose them.
    if name in ("EventLoopPolicy", "install") and name in __all__:
        from fastloop import policy

        return getattr(policy, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
