"""Trace: a record in the log for each request, and an OpenTelemetry span if that is asked for."""

import logging
import time

from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import check_flag
from fastloop_http.middleware.layer import Next
from fastloop_http.middleware.spans import Spans
from fastloop_http.respond.response import Response


class Trace:
    """Log each request with how it was answered and how long that took.

    The message is like "GET /users/{id} 200 1.234ms"; the record has method, path, matched_path (None where
    no route matched), status (None where the handler was cancelled), duration_ms and request_id (from
    RequestId outside of this layer, or None). An answer of 5xx is logged as an error, and so is an
    exception, which goes on: the server logs it with its traceback. Time is to the answer; a streamed body
    comes afterwards.

    logger: by default "fastloop_http.trace". level: of all other requests. opentelemetry: make a span of
    each request as well, within the trace that its headers name; needs `pip install 'fastloop[otel]'`.
    """

    __slots__ = ("_level", "_logger", "_spans")

    def __init__(
        self,
        *,
        logger: logging.Logger | str = "fastloop_http.trace",
        level: int = logging.INFO,
        opentelemetry: bool = False,
    ) -> None:
        check_flag("opentelemetry", opentelemetry)
        if not isinstance(logger, (logging.Logger, str)):
            raise TypeError(f"logger must be a logger or its name, not {logger!r}")
        if isinstance(level, bool) or not isinstance(level, int):
            raise TypeError(f"level must be one of logging's, like logging.INFO, not {level!r}")
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self._level = level
        self._spans = Spans() if opentelemetry else None

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request, and tell of it."""
        began_ns = time.perf_counter_ns()
        status: int | None = None
        try:
            if self._spans is None:
                response = await next(request)
            else:
                response = await self._spans.answer(request, next)
            status = response.status
            return response
        except Exception:
            status = 500
            raise
        finally:
            self._log(request, status, (time.perf_counter_ns() - began_ns) / 1e6)

    def _log(self, request: Request, status: int | None, duration_ms: float) -> None:
        level = logging.ERROR if status is not None and status >= 500 else self._level
        if not self._logger.isEnabledFor(level):
            return
        # Only ASCII: some bytes of a path are control characters to a terminal.
        path = request.path.encode("ascii", "backslashreplace").decode()
        self._logger.log(
            level,
            "%s %s %s %.3fms",
            request.method,
            request.matched_path or path,
            "cancelled" if status is None else status,
            duration_ms,
            extra={
                "method": request.method,
                "path": path,
                "matched_path": request.matched_path,
                "status": status,
                "duration_ms": duration_ms,
                "request_id": request.extensions.get("request_id"),
            },
        )
