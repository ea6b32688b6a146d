"""Csrf: no other site makes a browser change anything here."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import check_origin, listed
from fastloop_http.middleware.layer import Next
from fastloop_http.respond.response import Response

# They change nothing (RFC 9110 section 9.2.1): a handler of theirs that does is not protected.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Csrf:
    """Answer 403 (Forbidden) to requests that a browser makes for another site, but for safe methods.

    By Sec-Fetch-Site, which all browsers send since 2023, and else by Origin against Host: no tokens, and no
    cookies. Whoever sends neither is no browser, and is let through. trusted_origins: other sites that may,
    as "https://example.com". HTTPS is needed: to others browsers send no Sec-Fetch-Site.
    """

    __slots__ = ("_trusted",)

    def __init__(self, *, trusted_origins: Iterable[str] = ()) -> None:
        self._trusted = frozenset(listed("trusted_origins", trusted_origins))
        for origin in self._trusted:
            check_origin("trusted_origins", origin)

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request if it is from this site, or from no browser."""
        if request.method not in SAFE and self._is_foreign(request):
            return Response("Forbidden: a request for another site", 403)
        return await next(request)

    def _is_foreign(self, request: Request) -> bool:
        headers = request.headers
        site = headers.get("sec-fetch-site") or None
        origin = headers.get("origin") or None
        if site in ("same-origin", "none") or (site is None and origin is None):
            return False
        if origin is not None and origin in self._trusted:
            return False
        return site is not None or not is_same_host(origin or "", request.host)


def is_same_host(origin: str, host: str) -> bool:
    """Say whether an origin is of this host and port; a proxy may hide the scheme, so that is left alone."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False
