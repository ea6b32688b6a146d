"""JsonResponse: any value as JSON."""

from fastloop_http._h1.response import encode_json
from fastloop_http.respond.response import JSON, Response


class JsonResponse:
    """Answer value as JSON, also one that by itself would be another answer: str, int, None, a tuple.

    value: what msgspec encodes; it is encoded when it is answered. TypeError then for what it cannot.
    """

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value: object = value

    def into_response(self) -> Response:
        """Return the JSON, of status 200."""
        return Response(encode_json(self.value), headers=(JSON,))
