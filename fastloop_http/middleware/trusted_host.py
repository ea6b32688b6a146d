"""TrustedHost: requests for this site only."""

import re
from collections.abc import Iterable

from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import listed
from fastloop_http.middleware.layer import Next
from fastloop_http.respond.response import Response

LABELS = r"(?!-)[a-z0-9_-]+(\.(?!-)[a-z0-9_-]+)*"
HOST = re.compile(rf"(\*\.)?{LABELS}|\[[0-9a-f:.]+\]", re.ASCII)
AUTHORITY = re.compile(rf"({LABELS}|\[[0-9a-f:.]+\])(:[0-9]*)?", re.ASCII)


class TrustedHost:
    """Answer 400 (Bad Request) to requests for another host than those listed.

    hosts: "example.com", "[::1]", or "*.example.com" for whatever is below it, but not it. Ports and case do
    not matter. It is for what makes URLs of `request.host`, which clients write as they like.
    """

    __slots__ = ("_exact", "_suffixes")

    def __init__(self, hosts: Iterable[str]) -> None:
        hosts = [host.lower() for host in listed("hosts", hosts)]
        if not hosts:
            raise ValueError("hosts has nobody: every request would be refused")
        for host in hosts:
            if not HOST.fullmatch(host):
                raise ValueError(
                    f"hosts: {host!r} is no host; write 'example.com', without a port, or '*.example.com'"
                )
        self._exact = frozenset(host for host in hosts if not host.startswith("*."))
        self._suffixes = tuple(host[1:] for host in hosts if host.startswith("*."))

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request if it is for one of the hosts."""
        found = AUTHORITY.fullmatch(request.host.lower())
        if found is None or not (found[1] in self._exact or found[1].endswith(self._suffixes)):
            return Response("Bad Request: unknown host", 400)
        return await next(request)
