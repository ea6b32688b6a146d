"""LoadShed: so many requests at a time, and the others are turned away."""

from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import check_int
from fastloop_http.middleware.layer import Next
from fastloop_http.middleware.per_loop import PerLoop
from fastloop_http.respond.response import Response


class InFlight:
    """How many requests are inside, of one loop."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class LoadShed:
    """Answer 503 (Service Unavailable) at once while n requests are inside.

    n is of each event loop. A request is inside until it is answered; a streamed body comes afterwards.
    retry_after_s: whole seconds after which clients are asked to come back.
    """

    __slots__ = ("_in_flight", "_n", "_retry_after")

    def __init__(self, n: int, *, retry_after_s: int = 1) -> None:
        check_int("n", n, 1)
        check_int("retry_after_s", retry_after_s, 0)
        self._n = n
        self._retry_after = {"retry-after": str(retry_after_s)}
        self._in_flight = PerLoop(InFlight)

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request, or turn it away."""
        in_flight = self._in_flight.get()
        if in_flight.count >= self._n:
            return Response("Service Unavailable", 503, self._retry_after)
        in_flight.count += 1
        try:
            return await next(request)
        finally:
            in_flight.count -= 1
