"""BodyLimit: how much a handler takes of a request's body."""

from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import check_int
from fastloop_http.middleware.layer import Next
from fastloop_http.respond.response import Response


class BodyLimit:
    """Have requests of a body above size bytes answered 413 (Content Too Large).

    In place of the server's max_body_bytes, for the routes inside: more than that, or less. It is of bodies
    that are taken whole: what is streamed has no limit, and Multipart has its own.
    """

    __slots__ = ("_size",)

    def __init__(self, size: int) -> None:
        check_int("size", size, 0, 2**63 - 1)
        self._size = size

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request within the limit."""
        request.set_body_limit(self._size)
        return await next(request)
