"""Signals that wake the loop: without this, one that arrives just before the loop sleeps is seen late."""

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator

from fastloop._core.loop import LoopCore


@contextlib.contextmanager
def signals_wake(loop: LoopCore) -> Iterator[None]:
    """Have signal numbers written to a pipe that loop watches (signal.set_wakeup_fd) while it runs.

    Only the main thread receives signals: in any other it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        loop._watch_signals(reader.fileno())
        try:
            yield
        finally:
            loop._unwatch_signals()
            signal.set_wakeup_fd(previous)
