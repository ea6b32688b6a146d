"""Route a request to its handler by method and path, in the manner of axum and matchit.

Knows paths as text and `Request`; never a socket, and not what becomes of an answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from fastloop_http._h1.request import Request
from fastloop_http._h1.routes import Call, Endpoint, PathTree
from fastloop_http._paths import Segment, decode, parse_path
from fastloop_http.handler import Handler, check_handler, compile_plan, handler_name


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
    (call, wants_request): `call(request)` if wants_request, else `call()`. `tree` has all paths with what
    answers them. `dispatch(request)` answers whatever is in neither, or has captures to be decoded: it
    returns what the handler returned (a coroutine if it is async), or an error answer (status, headers,
    body). It reads `request.method` and `request.path`.
    """

    exact: dict[str, tuple[Handler, bool]]
    tree: PathTree
    dispatch: Callable[[Request], object]


class Router:
    """Paths and the handlers that answer them.

    A path matches the raw request path, still percent-encoded, segment by segment. `{name}` captures a
    segment, `v{name}` or `{name}.json` a part of one, `{*name}` at the end all that is left: never nothing.
    What is captured is handed to the handler decoded as UTF-8. `{{` and `}}` stand for braces.

    Where several paths match, the first segment in which they differ decides: static text goes before
    captures; of these the longest prefix goes first, then the longest suffix, and `{*name}` comes last. There
    are no redirects: `/a` and `/a/` are two paths.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, dict[str, Handler]] = {}
        self._plans: dict[str, dict[str, Call]] = {}
        self._paths: dict[tuple[Segment, ...], str] = {}  # by what they match
        self._connect: tuple[Handler, Call] | None = None

    def route(self, path: str, method_router: MethodRouter) -> Self:
        """Answer `path` with the handlers of `method_router`; return self, to chain.

        A path routed again gains the new methods. Raises ValueError for a path that cannot match, for a
        method it already has, or for a path that differs from another in the names of captures alone;
        TypeError for a handler whose parameters nothing can fill. A call that raises changes nothing.
        """
        if not isinstance(method_router, MethodRouter):
            raise TypeError(f"route({path!r}, ...) takes get(handler) or the like, not {method_router!r}")
        pattern = parse_path(path)
        known = self._paths.get(pattern.segments, path)
        if known != path:
            raise ValueError(f"path {path} matches what {known} does; use the same names for its captures")
        handlers = method_router.handlers
        registered = self._handlers.get(path, {})
        for method, handler in handlers.items():
            if method in registered:
                raise ValueError(
                    f"{method} {path} already has handler {handler_name(registered[method])}(); "
                    f"{handler_name(handler)}() would never run"
                )
        names = pattern.captures
        plans = {method: compile_plan(handler, path, names) for method, handler in handlers.items()}
        self._paths[pattern.segments] = path
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
        exact: dict[str, tuple[Handler, bool]] = {}
        paths: list[tuple[tuple[Segment, ...], Endpoint]] = []
        for path, registered in self._plans.items():
            plans = dict(registered)
            if "GET" in plans:
                plans.setdefault("HEAD", plans["GET"])
            pattern = parse_path(path)
            paths.append((pattern.segments, Endpoint(plans, ", ".join(sorted(plans)), path)))
            if pattern.static is not None:
                for method, plan in plans.items():
                    exact[f"{method} {pattern.static}"] = (plan.call, plan.wants_request)
        tree = PathTree(paths)
        return Routes(exact, tree, _dispatcher(tree, self._connect and self._connect[1]))


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
        plan = endpoint.calls.get(request.method)
        if plan is None:
            return 405, {"Allow": endpoint.allow}, "Method Not Allowed"
        texts = [decode(text) for text in captured]
        arguments = [texts[place] for place in plan.captures]
        if None in texts:
            return 400, {}, "Bad Request: path is not percent-encoded UTF-8"
        return plan.call(request, *arguments) if plan.wants_request else plan.call(*arguments)

    return dispatch
