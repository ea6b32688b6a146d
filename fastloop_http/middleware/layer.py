"""What a layer is: a call around the rest, of the layers inside of it and the handler."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from fastloop_http._h1.request import Request
from fastloop_http.respond.answer import Answer
from fastloop_http.respond.response import Response

Next: TypeAlias = Callable[[Request], Awaitable[Response]]


class Layer(Protocol):
    """A callable that is given a request, and what answers it inside.

    `await next(request)` gives a Response, also of an exception that has `into_response()`; any other is
    raised. What the layer returns is anything a handler may return.
    """

    async def __call__(self, request: Request, next: Next, /) -> Answer:
        """Answer request."""
