"""Timeout: a handler has so long for its answer."""

import asyncio

from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import check_number
from fastloop_http.middleware.layer import Next
from fastloop_http.respond.response import Response


class Timeout:
    """Answer 408 (Request Timeout) where what is inside has not answered within so many seconds.

    It is cancelled then, and may clean up: the answer waits for that. A TimeoutError of its own is not taken
    for ours. The body of a streamed answer comes afterwards, and has as long as it takes.
    """

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float) -> None:
        check_number("seconds", seconds)
        self._seconds = seconds

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request in time."""
        scope = asyncio.timeout(self._seconds)
        try:
            async with scope:
                return await next(request)
        except TimeoutError:
            if not scope.expired():
                raise
        return Response("Request Timeout", 408)
