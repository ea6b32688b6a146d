"""NoContent: done, and nothing to say about it."""

from fastloop_http.respond.response import Response


class NoContent:
    """Answer 204 (No Content), without a body."""

    __slots__ = ()

    def into_response(self) -> Response:
        """Return the empty answer."""
        return Response(status=204)
