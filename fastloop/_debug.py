"""Errors nobody waits for, and debug mode: who is told of what goes wrong, and how much of it."""

import asyncio
import contextvars
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from fastloop._base import LoopBase

ExceptionContext = dict[str, Any]
ExceptionHandler = Callable[[asyncio.AbstractEventLoop, ExceptionContext], object]

# Frames kept of where a coroutine was made, as asyncio.
ORIGIN_DEPTH = 10

logger = logging.getLogger("asyncio")


def debug_wanted() -> bool:
    """Say whether loops begin in debug mode: -X dev or PYTHONASYNCIODEBUG."""
    return sys.flags.dev_mode or (
        not sys.flags.ignore_environment and bool(os.environ.get("PYTHONASYNCIODEBUG"))
    )


def describe(what: object) -> str:
    """Return what took long as text: a task where it is a step of one."""
    owner = getattr(getattr(what, "_callback", None), "__self__", None)
    return repr(owner if isinstance(owner, asyncio.Task) else what)


def context_of(report: ExceptionContext) -> Any:
    """Return a copy of the context of the task or handle that report is about; None: it has none."""
    for key in ("task", "future", "handle"):
        if report.get(key) is not None:
            get_context = getattr(report[key], "get_context", None)
            context = get_context() if get_context is not None else None
            # A copy: that the context is in use may be what is reported.
            return context.copy() if isinstance(context, contextvars.Context) else None
    return None


class Reporting(LoopBase):
    """The methods of a loop that tell of errors and, in debug mode, of what is slow."""

    def __init__(self) -> None:
        super().__init__()
        self._exception_handler: ExceptionHandler | None = None
        self._origin_depth: int | None = None  # to be restored; None: coroutine origins are not tracked
        self.set_debug(debug_wanted())

    # Debug mode.

    def set_debug(self, enabled: bool) -> None:
        """Turn debug mode on or off: what is slow is logged, and handles know where they were made."""
        super().set_debug(enabled)
        if self._thread_id == threading.get_ident():
            self._track_origins(enabled)
        elif self.is_running():
            # The depth is one of the loop's thread.
            self.call_soon_threadsafe(self._track_origins, enabled)

    def _track_origins(self, enabled: bool) -> None:
        """Have coroutines remember where they were made, or no longer."""
        if enabled and self._origin_depth is None:
            self._origin_depth = sys.get_coroutine_origin_tracking_depth()
            sys.set_coroutine_origin_tracking_depth(ORIGIN_DEPTH)
        elif not enabled and self._origin_depth is not None:
            sys.set_coroutine_origin_tracking_depth(self._origin_depth)
            self._origin_depth = None

    def _report_slow(self, what: object, seconds: float) -> None:
        logger.warning("Executing %s took %.3f seconds", describe(what), seconds)

    # Errors nobody waits for.

    def set_exception_handler(self, handler: ExceptionHandler | None) -> None:
        """Have handler(loop, context) called for errors that no caller sees; None: log them."""
        if handler is not None and not callable(handler):
            raise TypeError(f"A callable object or None is expected, got {handler!r}")
        self._exception_handler = handler

    def get_exception_handler(self) -> ExceptionHandler | None:
        """Return the exception handler; None where errors are logged."""
        return self._exception_handler

    def default_exception_handler(self, context: ExceptionContext) -> None:
        """Log context through the "asyncio" logger."""
        exception = context.get("exception")
        if "source_traceback" not in context and self._current_handle is not None:
            created = self._current_handle._source_traceback  # type: ignore[attr-defined]
            if created:
                context["handle_traceback"] = created
        lines = [context.get("message") or "Unhandled exception in event loop"]
        for key in sorted(context.keys() - {"message", "exception"}):
            value = context[key]
            if key in ("source_traceback", "handle_traceback"):
                what = "Object" if key == "source_traceback" else "Handle"
                frames = "".join(traceback.format_list(value)).rstrip()
                lines.append(f"{key}: {what} created at (most recent call last):\n{frames}")
            else:
                lines.append(f"{key}: {value!r}")
        logger.error("\n".join(lines), exc_info=exception)

    def call_exception_handler(self, context: ExceptionContext) -> None:
        """Report context ("message", and perhaps "exception" and others) to the exception handler.

        Since Python 3.12 the handler runs in the context of the task or handle it is told of.
        """
        handler = self._exception_handler
        try:
            if handler is not None:
                where = context_of(context) if sys.version_info >= (3, 12) else None
                if where is not None:
                    where.run(handler, self, context)
                else:
                    handler(self, context)
                return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            context = {
                "message": "Unhandled error in exception handler",
                "exception": exc,
                "context": context,
            }
        try:
            self.default_exception_handler(context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            # An override that raises: the last resort.
            logger.error("Exception in default exception handler", exc_info=True)
