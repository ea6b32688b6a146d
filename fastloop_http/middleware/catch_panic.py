"""CatchPanic: what goes wrong inside is an answer to the layers outside."""

import inspect
import logging
from collections.abc import Awaitable, Callable

from fastloop_http._h1.incoming import ClientDisconnected
from fastloop_http._h1.refusal import BodyError
from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import check_callable
from fastloop_http.middleware.layer import Next
from fastloop_http.respond.answer import Answer
from fastloop_http.respond.response import Response, into_response

logger = logging.getLogger("fastloop_http")


class CatchPanic:
    """Answer 500 (Internal Server Error) for an exception, so that layers outside see a Response.

    Without it the server answers the same, and none of them adds its headers. handler: called with the
    exception, a plain or async function, returns what is answered in place of that. The exception is logged.
    What is no mistake of the handler goes on as it is: BodyError, ClientDisconnected, cancellation.
    """

    __slots__ = ("_handler",)

    def __init__(self, handler: Callable[[Exception], Answer | Awaitable[Answer]] | None = None) -> None:
        if handler is not None:
            check_callable("handler", handler)
        self._handler = handler

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request, whatever happens inside."""
        try:
            return await next(request)
        except (BodyError, ClientDisconnected):
            raise
        except Exception as error:
            where = f"{request.method} {request.path}".encode("ascii", "backslashreplace").decode()
            logger.error("handler of %s failed", where, exc_info=error)
            if self._handler is None:
                return Response("Internal Server Error", 500)
            value = self._handler(error)
            return into_response(await value if inspect.isawaitable(value) else value)
