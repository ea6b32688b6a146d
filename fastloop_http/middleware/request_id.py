"""RequestId: a name for each request, for logs here and elsewhere."""

import re
import uuid

from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import check_header_name
from fastloop_http.middleware.layer import Next
from fastloop_http.respond.response import Response

# What can stand in a log and in a URL as it is, and what others make: uuids, ULIDs, base64, trace ids.
WELL_FORMED = re.compile(r"[0-9A-Za-z][0-9A-Za-z._~+/=:@-]{0,127}", re.ASCII)


class RequestId:
    """Give each request an id: `request.extensions["request_id"]`, and a header of the response.

    The one it comes with, if that is up to 128 letters, digits and ._~+/=:@-, and else a random UUID.
    """

    __slots__ = ("_header",)

    def __init__(self, *, header: str = "x-request-id") -> None:
        check_header_name("header", header)
        self._header = header

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request, with its id."""
        given = request.headers.get(self._header)
        request_id = given if given is not None and WELL_FORMED.fullmatch(given) else str(uuid.uuid4())
        request.extensions["request_id"] = request_id
        response = await next(request)
        response.headers[self._header] = request_id
        return response
