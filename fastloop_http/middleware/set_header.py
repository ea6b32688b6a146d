"""SetHeader: a header of every response."""

from typing import Literal

from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import check_header_name, check_header_value
from fastloop_http.middleware.layer import Next
from fastloop_http.respond.response import Response

# The server sends these itself.
OF_THE_SERVER = ("content-length", "transfer-encoding", "connection", "upgrade")


class SetHeader:
    """Give every response a header.

    mode: "overwrite" replaces what the response has under this name, "append" adds another, "if_missing"
    leaves it.
    """

    __slots__ = ("_mode", "_name", "_value")

    def __init__(
        self,
        name: str,
        value: str,
        *,
        mode: Literal["overwrite", "append", "if_missing"] = "overwrite",
    ) -> None:
        check_header_name("name", name)
        check_header_value("value", value)
        if name.lower() in OF_THE_SERVER:
            raise ValueError(f"header {name} is the server's to send; leave it out")
        if mode not in ("overwrite", "append", "if_missing"):
            raise ValueError(f"mode must be 'overwrite', 'append' or 'if_missing', not {mode!r}")
        self._name = name
        self._value = value
        self._mode = mode

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request, with the header."""
        response = await next(request)
        if self._mode == "append":
            response.headers.append(self._name, self._value)
        elif self._mode == "overwrite" or self._name not in response.headers:
            response.headers[self._name] = self._value
        return response
