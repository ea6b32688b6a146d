"""Forked children: a loop they inherit is their parent's, and must not touch its epoll set."""

import os
import signal
import threading
import weakref

from fastloop._core.loop import LoopCore

# Every loop of the process: what a forked child has to disown.
_loops: weakref.WeakSet[LoopCore] = weakref.WeakSet()


def disown_in_children(loop: LoopCore) -> None:
    """Make loop unusable in children that this process forks."""
    _loops.add(loop)


def _disown() -> None:
    for loop in list(_loops):
        running = loop.is_running()
        loop._forked(os.getppid())
        if running and threading.current_thread() is threading.main_thread():
            # It writes to a pipe that the parent reads.
            signal.set_wakeup_fd(-1)
    _loops.clear()


os.register_at_fork(after_in_child=_disown)
