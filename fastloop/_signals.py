"""Signals: handlers that the loop calls, and the pipe by which any signal wakes it.

Without the pipe a signal that arrives just before the loop sleeps is seen late, and of several that arrive
before the interpreter gets to its handlers one.
"""

import asyncio
import contextlib
import contextvars
import errno
import inspect
import os
import signal
import sys
import threading
import warnings
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator
from types import FrameType
from typing import Any, TypeVarTuple

from fastloop._base import LoopBase

Ts = TypeVarTuple("Ts")


@contextlib.contextmanager
def signals_wake(loop: "Signals") -> Generator[None]:
    """Have signal numbers written to a pipe that loop watches (signal.set_wakeup_fd) while it runs.

    Only the main thread receives signals: in any other it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop._signals_ahead.clear()
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        loop._watch_signals(reader, loop._deliver_signals)
        try:
            yield
        finally:
            try:
                signal.set_wakeup_fd(previous)
            except (ValueError, OSError):
                # Whose it was has closed it meanwhile.
                signal.set_wakeup_fd(-1)
            loop._unwatch_signals()
    finally:
        os.close(reader)
        os.close(writer)


def check_signal(sig: object) -> None:
    """Refuse what is no signal number."""
    if not isinstance(sig, int):
        raise TypeError(f"sig must be an int, not {sig!r}")
    if sig not in signal.valid_signals():
        raise ValueError(f"invalid signal number {sig}")


def set_handler(sig: int, handler: Any) -> None:
    """Call `signal.signal`; RuntimeError for the signals that cannot be caught."""
    try:
        signal.signal(sig, handler)
    except OSError as exc:
        if exc.errno == errno.EINVAL:
            raise RuntimeError(f"sig {sig} cannot be caught") from None
        raise


class SignalHandler:
    """What `add_signal_handler` was given, as a handler for `signal.signal`: it has the loop call it.

    The interpreter runs it in the main thread, between two instructions of whatever runs there. It holds
    the loop weakly: a loop that nobody else holds is to go, and its handlers with it.
    """

    def __init__(self, loop: "Signals", callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._loop = weakref.ref(loop)
        self._callback = callback
        self._args = args
        self._context = contextvars.copy_context()

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        loop = self._loop()
        if loop is not None and not loop.is_closed():
            loop._signals_ahead[signum] += 1
            self.schedule(loop)

    def calls(self, callback: Callable[..., object]) -> bool:
        """Say whether it has callback called."""
        return self._callback == callback

    def is_of(self, loop: "Signals") -> bool:
        """Say whether it has loop call it."""
        return self._loop() is loop

    def schedule(self, loop: "Signals") -> None:
        """Have loop call the callback; it may run in another thread."""
        loop.call_soon_threadsafe(self._callback, *self._args, context=self._context)


class SharedSignal:
    """A signal that several ask to be told of, and the handler it had before the first of them."""

    def __init__(self, sig: int) -> None:
        self.previous = signal.getsignal(sig)
        self.callbacks: list[Callable[[], object]] = []

    def tell(self) -> None:
        """Call all who share the signal."""
        for callback in self.callbacks.copy():
            callback()


class Signals(LoopBase):
    """The signal handlers of a loop. Only in the main thread can they be added and removed."""

    def __init__(self) -> None:
        super().__init__()
        self._signal_handlers: dict[int, SignalHandler] = {}
        self._shared_signals: dict[int, SharedSignal] = {}
        # Calls scheduled, by signal, whose number has not come through the pipe yet.
        self._signals_ahead: defaultdict[int, int] = defaultdict(int)

    def _deliver_signals(self, numbers: bytes) -> None:
        """Make up for those of the signals that have arrived, numbers, that no handler was run for.

        The interpreter runs one once for all signals of a kind that have arrived since it last looked, which
        may be long ago where compiled code runs.
        """
        for sig, count in Counter(numbers).items():
            ahead = min(count, self._signals_ahead[sig])
            # A handler runs after a call only, so not within this line.
            self._signals_ahead[sig] -= ahead
            handler = signal.getsignal(sig)
            if isinstance(handler, SignalHandler) and handler is self._signal_handlers.get(sig):
                for _ in range(count - ahead):
                    handler.schedule(self)

    def add_signal_handler(self, sig: int, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        """Have the loop call callback(*args) on signal sig; replaces an earlier handler of it.

        Raises ValueError for what is no signal, RuntimeError for one that cannot be caught and outside the
        main thread.
        """
        if asyncio.iscoroutine(callback) or inspect.iscoroutinefunction(callback):
            raise TypeError("coroutines cannot be used with add_signal_handler()")
        check_signal(sig)
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        handler = SignalHandler(self, callback, args)
        try:
            set_handler(sig, handler)
            # System calls elsewhere in the process need not fail with EINTR for it (SA_RESTART).
            signal.siginterrupt(sig, False)
        except ValueError as exc:
            # Not the main thread.
            raise RuntimeError(str(exc)) from None
        self._signal_handlers[sig] = handler

    def remove_signal_handler(self, sig: int) -> bool:
        """Restore the default handler of sig; return whether there was one of ours."""
        check_signal(sig)
        if sig not in self._signal_handlers:
            return False
        set_handler(sig, signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL)
        # Only now: what could not be removed, in another thread, is for close() to remove.
        del self._signal_handlers[sig]
        return True

    @contextlib.contextmanager
    def sharing_signals(self, signals: Collection[int], callback: Callable[[], object]) -> Generator[None]:
        """Have the loop call callback() on each of signals, until the end of the `with`.

        Others may share them: all are called. Once the last has left, the handlers of before are back. Raises
        as `add_signal_handler`. Not in asyncio.
        """
        with contextlib.ExitStack() as leaving:
            for sig in signals:
                shared = self._shared_signals.get(sig)
                if shared is None:
                    shared = SharedSignal(sig)
                    self.add_signal_handler(sig, shared.tell)
                    self._shared_signals[sig] = shared
                shared.callbacks.append(callback)
                leaving.callback(self._leave_signal, sig, shared, callback)
            yield

    def _leave_signal(self, sig: int, shared: SharedSignal, callback: Callable[[], object]) -> None:
        shared.callbacks.remove(callback)
        if shared.callbacks:
            return
        del self._shared_signals[sig]
        handler = self._signal_handlers.get(sig)
        if handler is None or not handler.calls(shared.tell) or signal.getsignal(sig) is not handler:
            return  # somebody else handles it by now
        self.remove_signal_handler(sig)
        # None: a handler that is not Python's, which nobody can put back.
        if shared.previous is not None:
            set_handler(sig, shared.previous)
        if isinstance(shared.previous, SignalHandler) and shared.previous.is_of(self):
            self._signal_handlers[sig] = shared.previous

    def _drop_signal_handlers(self) -> None:
        """Restore the default handlers: the loop is closed."""
        if self._signal_handlers and sys.is_finalizing():
            warnings.warn(
                f"Closing the loop {self!r} on interpreter shutdown stage, skipping signal handlers removal",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )
            self._signal_handlers.clear()
        for sig in list(self._signal_handlers):
            self.remove_signal_handler(sig)
