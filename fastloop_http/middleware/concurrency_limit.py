"""ConcurrencyLimit: so many requests at a time, and the others wait."""

import asyncio

from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import check_int
from fastloop_http.middleware.layer import Next
from fastloop_http.middleware.per_loop import PerLoop
from fastloop_http.respond.response import Response


class ConcurrencyLimit:
    """Let n requests in at a time; the others wait for their turn, in the order in which they have come.

    n is of each event loop. A request is inside until it is answered; a streamed body comes afterwards. Any
    number may wait: LoadShed outside of this layer bounds them.
    """

    __slots__ = ("_semaphores",)

    def __init__(self, n: int) -> None:
        check_int("n", n, 1)
        self._semaphores = PerLoop(lambda: asyncio.Semaphore(n))

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request when it is its turn."""
        async with self._semaphores.get():
            return await next(request)
