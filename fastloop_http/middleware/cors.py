"""Cors: which other sites may read what is answered here (WHATWG Fetch section 3.3)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeAlias

from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import (
    check_flag,
    check_header_name,
    check_int,
    check_origin,
    listed,
)
from fastloop_http.middleware.layer import Next
from fastloop_http.respond.headers import ResponseHeaders
from fastloop_http.respond.response import Response

Everybody: TypeAlias = Literal["*"]

# What a browser asks before it sends a request that a form could not (Fetch section 3.3.2).
ASKED_METHOD = "access-control-request-method"
ASKED_HEADERS = "access-control-request-headers"
ASKED_NETWORK = "access-control-request-private-network"


class Cors:
    """Let scripts of other sites read responses, and answer the preflight requests of browsers.

    allow_origins: sites, as "https://example.com"; "*" for all; or a function of the origin that says
    whether. allow_methods: beyond GET, HEAD and POST; "*" for all. allow_headers: that a script may send;
    "*" for all; "mirror" for whatever it asks for. expose_headers: that a script may read; "*" for all.
    allow_credentials: requests with cookies too. max_age_s: how long a browser remembers a preflight.
    allow_private_network: pages of the internet may call a server of the local network.

    A request from elsewhere is handled all the same, only not shown to its script: this is no protection
    against writing, see Csrf. What an exception is answered has these headers only behind CatchPanic.

    Raises ValueError for what browsers refuse, such as "*" together with allow_credentials.
    """

    __slots__ = (
        "_common", "_mirror", "_network", "_origin", "_origins", "_preflight", "_vary_on_origin",
    )  # fmt: skip

    def __init__(
        self,
        *,
        allow_origins: Iterable[str] | Everybody | Callable[[str], bool] = (),
        allow_methods: Iterable[str] | Everybody = (),
        allow_headers: Iterable[str] | Literal["*", "mirror"] = (),
        expose_headers: Iterable[str] | Everybody = (),
        allow_credentials: bool = False,
        max_age_s: int | None = None,
        allow_private_network: bool = False,
    ) -> None:
        check_flag("allow_credentials", allow_credentials)
        check_flag("allow_private_network", allow_private_network)
        # What the list of origins says: everybody, one or some of them.
        self._origin = "*" if isinstance(allow_origins, str) and allow_origins == "*" else None
        self._origins: frozenset[str] | Callable[[str], bool] = frozenset()
        if callable(allow_origins):
            self._origins = allow_origins
        elif self._origin is None:
            self._origins = frozenset(listed("allow_origins", allow_origins))
            for origin in self._origins:
                if origin == "*":
                    raise ValueError("allow_origins: '*' is not one of several; write allow_origins='*'")
                if origin != "null":
                    check_origin("allow_origins", origin)
        self._mirror = allow_headers == "mirror"
        self._network = allow_private_network
        self._common: dict[str, str] = {}
        if allow_credentials:
            refuse_any(
                allow_origins=allow_origins, allow_methods=allow_methods, allow_headers=allow_headers,
                expose_headers=expose_headers,
            )  # fmt: skip
            self._common["access-control-allow-credentials"] = "true"
        exposed = names("expose_headers", expose_headers)
        self._preflight = dict(self._common)
        if exposed:
            self._common["access-control-expose-headers"] = exposed
        if methods := names("allow_methods", allow_methods):
            self._preflight["access-control-allow-methods"] = methods
        if not self._mirror and (headers := names("allow_headers", allow_headers)):
            self._preflight["access-control-allow-headers"] = headers
        if max_age_s is not None:
            check_int("max_age_s", max_age_s, 0)
            self._preflight["access-control-max-age"] = str(max_age_s)
        self._vary_on_origin = self._origin is None

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer a preflight; any other request inside, and say who may read that."""
        origin = request.headers.get("origin")
        if origin is not None and request.method == "OPTIONS" and ASKED_METHOD in request.headers:
            return self._answer_preflight(request, origin)
        response = await next(request)
        self._allow(response.headers, origin, self._common)
        return response

    def _answer_preflight(self, request: Request, origin: str) -> Response:
        response = Response(status=204)
        headers = response.headers
        headers.add_vary(ASKED_METHOD, ASKED_HEADERS)
        if self._allow(headers, origin, self._preflight):
            asked = request.headers.get(ASKED_HEADERS)
            if self._mirror and asked:
                headers["access-control-allow-headers"] = asked
            if self._network:
                headers.add_vary(ASKED_NETWORK)
                if request.headers.get(ASKED_NETWORK) == "true":
                    headers["access-control-allow-private-network"] = "true"
        return response

    def _allow(self, headers: ResponseHeaders, origin: str | None, said: Mapping[str, str]) -> bool:
        """Say in headers whether origin, and what it, is allowed; return whether it is."""
        if self._vary_on_origin:
            # Also where it is not: a cache would give that to who is.
            headers.add_vary("origin")
        allowed = self._origin or (origin if origin is not None and self._is_allowed(origin) else None)
        if allowed is None:
            return False
        headers["access-control-allow-origin"] = allowed
        for name, value in said.items():
            headers[name] = value
        return True

    def _is_allowed(self, origin: str) -> bool:
        return bool(self._origins(origin)) if callable(self._origins) else origin in self._origins


def names(option: str, value: Iterable[str] | str) -> str:
    """Return names of headers or methods as one value; ValueError for what is none."""
    if value == "*":
        return "*"
    found = listed(option, value)
    for name in found:
        if name == "*":
            raise ValueError(f"{option}: '*' is not one of several; write {option}='*'")
        check_header_name(option, name)
    return ", ".join(found)


def refuse_any(**options: object) -> None:
    """Raise ValueError for an option that is "*": with credentials a browser takes it for a name."""
    for option, value in options.items():
        if isinstance(value, str) and value == "*":
            remedy = "mirror" if option == "allow_headers" else "a list, or a function"
            raise ValueError(
                f"{option}='*' does not go with allow_credentials (Fetch section 3.3.5); use {remedy}"
            )
