"""Route a request to its handler by method and path, in the manner of axum and matchit.

Knows paths as text and `Request`; never a socket, and not what becomes of an answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import NamedTuple, Self
from urllib.parse import unquote_to_bytes

from fastloop_http._h1.request import Request
from fastloop_http._h1.routes import Call, Endpoint, PathTree
from fastloop_http.handler import Handler, check_handler, compile_plan, handler_name

# The forms a segment may take, said in every refusal.
SUPPORTED = "a capture is one whole segment, like {name} in /greet/{name}"

# As many as the compiled tree has room for.
MAX_CAPTURES = 16

HEX = frozenset("0123456789abcdefABCDEF")


class MethodRouter:
    """The handlers of one path, by method; made by get(), post() and so on, and chained.

    Each call returns a new MethodRouter: `get(a).post(b)`. One more handler for a method is a ValueError.
    """

    __slots__ = ("_handlers",)

    def __init__(self, handlers: Mapping[str, Handler] | None = None) -> None:
        self._handlers = dict(handlers or {})

    def get(self, handler: Handler) -> "MethodRouter":
        """Answer GET with `handler`, and HEAD too unless it has its own."""
        return self._on("GET", handler)

    def post(self, handler: Handler) -> "MethodRouter":
        """Answer POST with `handler`."""
        return self._on("POST", handler)

    def put(self, handler: Handler) -> "MethodRouter":
        """Answer PUT with `handler`."""
        return self._on("PUT", handler)

    def patch(self, handler: Handler) -> "MethodRouter":
        """Answer PATCH with `handler`."""
        return self._on("PATCH", handler)

    def delete(self, handler: Handler) -> "MethodRouter":
        """Answer DELETE with `handler`."""
        return self._on("DELETE", handler)

    def head(self, handler: Handler) -> "MethodRouter":
        """Answer HEAD with `handler`, in place of GET's."""
        return self._on("HEAD", handler)

    def options(self, handler: Handler) -> "MethodRouter":
        """Answer OPTIONS with `handler`."""
        return self._on("OPTIONS", handler)

    @property
    def handlers(self) -> dict[str, Handler]:
        """A copy of the handlers, by method."""
        return dict(self._handlers)

    def _on(self, method: str, handler: Handler) -> "MethodRouter":
        check_handler(handler)
        if method in self._handlers:
            raise ValueError(
                f"{method} already has handler {handler_name(self._handlers[method])}(); "
                f"{handler_name(handler)}() would never run"
            )
        return MethodRouter({**self._handlers, method: handler})

    def __repr__(self) -> str:
        listed = ", ".join(f"{method}: {handler_name(handler)}" for method, handler in self._handlers.items())
        return f"<MethodRouter {listed}>"


def get(handler: Handler) -> MethodRouter:
    """Answer GET with `handler`, and HEAD too unless it has its own."""
    return MethodRouter().get(handler)


def post(handler: Handler) -> MethodRouter:
    """Answer POST with `handler`."""
    return MethodRouter().post(handler)


def put(handler: Handler) -> MethodRouter:
    """Answer PUT with `handler`."""
    return MethodRouter().put(handler)


def patch(handler: Handler) -> MethodRouter:
    """Answer PATCH with `handler`."""
    return MethodRouter().patch(handler)


def delete(handler: Handler) -> MethodRouter:
    """Answer DELETE with `handler`."""
    return MethodRouter().delete(handler)


def head(handler: Handler) -> MethodRouter:
    """Answer HEAD with `handler`."""
    return MethodRouter().head(handler)


def options(handler: Handler) -> MethodRouter:
    """Answer OPTIONS with `handler`."""
    return MethodRouter().options(handler)


class Route(NamedTuple):
    """One thing a Router answers, as registered."""

    method: str
    path: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class Routes:
    """What a connection needs of a Router: a snapshot, untouched by later registrations.

    `exact` maps "METHOD /path", the request line up to the end of the path decoded as latin-1, to
    (call, wants_request, path): `call(request)` if wants_request, else `call()`. `tree` has all paths with
    what answers them. `dispatch(request)` answers whatever is in neither, or has captures to be decoded: it
    returns what the handler returned (a coroutine if it is async), or an error answer (status, headers,
    body). It reads `request.method` and `request.path`.
    """

    exact: dict[str, tuple[Handler, bool, str]]
    tree: PathTree
    dispatch: Callable[[Request], object]


class Router:
    """Paths and the handlers that answer them.

    A path matches the raw request path, still percent-encoded, segment by segment. `{name}` captures one
    whole, non-empty segment, handed to the handler decoded as UTF-8. Static segments go before captures,
    wherever the two part. There are no redirects: `/a` and `/a/` are two paths.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, dict[str, Handler]] = {}
        self._plans: dict[str, dict[str, Call]] = {}
        self._captured: dict[str, tuple[str, str]] = {}  # path up to a capture -> its name, path that said so
        self._connect: tuple[Handler, Call] | None = None

    def route(self, path: str, method_router: MethodRouter) -> Self:
        """Answer `path` with the handlers of `method_router`; return self, to chain.

        A path routed again gains the new methods. Raises ValueError for a path that cannot match, for a
        method it already has, or for a capture another path has named otherwise; TypeError for a handler
        whose parameters nothing can fill. A call that raises changes nothing.
        """
        if not isinstance(method_router, MethodRouter):
            raise TypeError(f"route({path!r}, ...) takes get(handler) or the like, not {method_router!r}")
        captures = parse_path(path)
        captured = self._new_captures(path, captures)
        handlers = method_router.handlers
        registered = self._handlers.get(path, {})
        for method, handler in handlers.items():
            if method in registered:
                raise ValueError(
                    f"{method} {path} already has handler {handler_name(registered[method])}(); "
                    f"{handler_name(handler)}() would never run"
                )
        plans = {method: compile_plan(handler, path, list(captures)) for method, handler in handlers.items()}
        self._captured.update(captured)
        self._handlers.setdefault(path, {}).update(handlers)
        self._plans.setdefault(path, {}).update(plans)
        return self

    def connect(self, handler: Handler) -> Self:
        """Answer CONNECT (RFC 9110 section 9.3.6) with `handler`; return self, to chain.

        Its target has no path: `request.host` is the host and port to be connected to. The handler answers an
        `Upgrade`, or an error: clients take any status from 200 to 299 for the beginning of the tunnel. Where
        there is none the answer is 501. Raises as `route`.
        """
        check_handler(handler)
        if self._connect is not None:
            raise ValueError(
                f"CONNECT already has handler {handler_name(self._connect[0])}(); "
                f"{handler_name(handler)}() would never run"
            )
        self._connect = handler, compile_plan(handler, "of CONNECT", ())
        return self

    def routes(self) -> list[Route]:
        """List what is registered, in order of registration of each path; GET's HEAD is not listed.

        The handler of CONNECT comes last, with an empty path.
        """
        routes = [
            Route(method, path, handler)
            for path, handlers in self._handlers.items()
            for method, handler in handlers.items()
        ]
        if self._connect is not None:
            routes.append(Route("CONNECT", "", self._connect[0]))
        return routes

    def compile(self) -> Routes:
        """Return what a connection is handed. Later registrations do not reach it."""
        exact: dict[str, tuple[Handler, bool, str]] = {}
        paths: list[tuple[list[str | None], Endpoint]] = []
        for path, registered in self._plans.items():
            plans = dict(registered)
            if "GET" in plans:
                plans.setdefault("HEAD", plans["GET"])
            captures = parse_path(path)
            segments = [
                None if place in captures.values() else segment
                for place, segment in enumerate(path.split("/"))
            ]
            paths.append((segments[1:], Endpoint(plans, ", ".join(sorted(plans)), path)))
            if not captures:
                for method, plan in plans.items():
                    exact[f"{method} {path}"] = (plan.call, plan.wants_request, path)
        tree = PathTree(paths)
        return Routes(exact, tree, _dispatcher(tree, self._connect and self._connect[1]))

    def _new_captures(self, path: str, captures: Mapping[str, int]) -> dict[str, tuple[str, str]]:
        segments = path.split("/")
        captured = {}
        for name, index in captures.items():
            # Names are the same wherever two paths meet, so the text up to a capture is its place.
            place = "/".join(segments[:index])
            known, earlier = self._captured.get(place, (name, path))
            if known != name:
                raise ValueError(
                    f"path {path} captures {{{name}}} where {earlier} captures {{{known}}}; "
                    f"use one name for both"
                )
            captured[place] = (known, earlier)
        return captured


def parse_path(path: str) -> dict[str, int]:
    """Return the captures of `path`, in order: name -> its place in `path.split("/")`.

    Raises ValueError, naming the path, what is wrong with it and what to write instead.
    """
    if not path.startswith("/"):
        raise ValueError(f"path {path!r} must begin with '/'")
    captures: dict[str, int] = {}
    for index, segment in enumerate(path.split("/")):
        name = segment[1:-1]
        if "{" not in segment and "}" not in segment:
            _check_static(path, segment)
            continue
        if "{{" in segment or "}}" in segment:
            raise ValueError(f"path {path!r}: escaped braces are not supported; {SUPPORTED}")
        if segment.startswith("{*"):
            raise ValueError(f"path {path!r}: catch-all captures are not supported; {SUPPORTED}")
        if not (segment.startswith("{") and segment.endswith("}")) or "{" in name or "}" in name:
            raise ValueError(f"path {path!r}: segment {segment!r} is not a capture; {SUPPORTED}")
        if not name.isidentifier() or iskeyword(name):
            raise ValueError(f"path {path!r}: {name!r} cannot name a handler's parameter; {SUPPORTED}")
        if name in captures:
            raise ValueError(f"path {path!r} captures {{{name}}} twice; give each capture its own name")
        if len(captures) == MAX_CAPTURES:
            raise ValueError(f"path {path!r} has more than {MAX_CAPTURES} captures; take them from the query")
        captures[name] = index
    return captures


def _check_static(path: str, segment: str) -> None:
    for character in segment:
        if not "!" <= character <= "~" or character in "?#":
            escaped = "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
            raise ValueError(
                f"path {path!r} can never match: {character!r} does not occur in a request path; "
                f"write it {escaped}"
            )


def _dispatcher(tree: PathTree, connect: Call | None) -> Callable[[Request], object]:
    def dispatch(request: Request) -> object:
        matched = tree.match(request.path)
        if matched is None:
            if request.method != "CONNECT":
                return 404, {}, "Not Found"
            if connect is None:
                return 501, {}, "Not Implemented"
            return connect.call(request) if connect.wants_request else connect.call()
        endpoint, captured = matched
        request._matched_path = endpoint.path
        plan = endpoint.calls.get(request.method)
        if plan is None:
            return 405, {"Allow": endpoint.allow}, "Method Not Allowed"
        texts = [_decode(text) for text in captured]
        arguments = [texts[place] for place in plan.captures]
        if None in texts:
            return 400, {}, "Bad Request: path is not percent-encoded UTF-8"
        return plan.call(request, *arguments) if plan.wants_request else plan.call(*arguments)

    return dispatch


def _decode(segment: str) -> str | None:
    """Return the text a percent-encoded segment stands for, None if it is not well-formed UTF-8.

    A "%" without two hex digits is malformed (RFC 3986 section 2.1), not a literal.
    """
    for escape in segment.split("%")[1:]:
        if len(escape) < 2 or escape[0] not in HEX or escape[1] not in HEX:
            return None
    try:
        return unquote_to_bytes(segment.encode("latin-1")).decode("utf-8")
    except UnicodeError:
        return None
