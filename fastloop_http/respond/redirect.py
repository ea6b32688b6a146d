"""Redirect: the client finds it elsewhere (RFC 9110 section 15.4)."""

import re
from typing import Self
from urllib.parse import quote

from fastloop_http.respond.response import Response

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# A "%" that begins no escape, which clients read in different ways.
LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Redirect:
    """Send the client to another URL, absolute or relative to the one it has asked for.

    `Redirect.to(url)` is 303: it gets url, whatever its method was, as after a form. `Redirect.temporary`
    is 307 and `Redirect.permanent` 308: it repeats its request there, with the same method and body.

    What a URL cannot have is percent-encoded, a backslash too, which browsers take for a slash. Nobody but
    the handler knows whether url is one of its own: "//other.example" leads away. Raises ValueError for an
    empty url and for control characters.
    """

    __slots__ = ("location", "status")

    def __init__(self, status: int, url: str) -> None:
        if not isinstance(url, str):
            raise TypeError(f"a redirect takes its URL as str, not {url!r}")
        if not url or CONTROL.search(url):
            raise ValueError(f"a redirect to {url[:80]!r}: a URL is not empty and has no control characters")
        self.status: int = status
        self.location: str = quote(LONE_PERCENT.sub("%25", url), safe="%/:=&?~#+!$,;'@()*[]")

    @classmethod
    def to(cls, url: str) -> Self:
        """Have the client get url: 303 (See Other)."""
        return cls(303, url)

    @classmethod
    def temporary(cls, url: str) -> Self:
        """Have the client repeat its request at url, this time: 307 (Temporary Redirect)."""
        return cls(307, url)

    @classmethod
    def permanent(cls, url: str) -> Self:
        """Have the client repeat its request at url, now and ever after: 308 (Permanent Redirect)."""
        return cls(308, url)

    def into_response(self) -> Response:
        """Return the redirect, without a body."""
        return Response(b"", self.status, {"location": self.location})
