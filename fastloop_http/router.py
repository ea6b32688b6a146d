"""Router: paths and the handlers that answer them, in the manner of axum.

Knows paths as text and `Request`; never a socket, and not what becomes of an answer.
"""

import asyncio
import contextlib
import copy
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from typing import Any, NamedTuple, Self, TypeVar

from fastloop_http._h1.request import Request
from fastloop_http._paths import Segment, join, parse_path
from fastloop_http._routes import Lent, PathEntry, Registered, Routes, Scope, answer_of, compile_routes
from fastloop_http.errors import Rejection
from fastloop_http.extract.signature import read_signature
from fastloop_http.extract.source import Surroundings
from fastloop_http.handler import Handler, check_handler, handler_name
from fastloop_http.layers import ErrorHandler, check_layer
from fastloop_http.method_router import MethodRouter
from fastloop_http.middleware.layer import Layer
from fastloop_http.middleware.normalize_path import NormalizePath
from fastloop_http.respond.answer import Answer
from fastloop_http.respond.response import Response

H = TypeVar("H", bound=Handler)

# Called with the router, as `Router.with_lifespan` says.
Lifespan = Callable[[Any], contextlib.AbstractAsyncContextManager[Any]]


class Route(NamedTuple):
    """One thing a Router answers, as registered."""

    method: str
    path: str
    handler: Handler


class Router:
    """Paths and the handlers that answer them.

    A path matches the raw request path, still percent-encoded, segment by segment. `{name}` captures a
    segment, `v{name}` or `{name}.json` a part of one, `{*name}` at the end all that is left: never nothing.
    What is captured is handed to the handler decoded as UTF-8. `{{` and `}}` stand for braces.

    Where several paths match, the first segment in which they differ decides: static text goes before
    captures; of these the longest prefix goes first, then the longest suffix, and `{*name}` comes last. There
    are no redirects: `/a` and `/a/` are two paths.

    Methods that register return the router itself, to be chained; a call that raises changes nothing.
    """

    def __init__(self) -> None:
        self._scope = Scope()
        self._scopes = [self._scope]
        self._paths: dict[str, PathEntry] = {}
        self._matched: dict[tuple[Segment, ...], str] = {}  # what a path matches -> the path
        self._fallbacks: dict[str, Registered] = {}  # by the prefix they are for, "" for all
        self._default_layers: tuple[Layer, ...] = ()  # around the answer where there is no fallback
        self._connect: Registered | None = None
        self._lifespans: list[tuple[Lifespan, Scope, Any]] = []
        self._lent: Lent = {}
        self._compiled: tuple[int, Routes] | None = None

    # Paths.

    def route(self, path: str, method_router: MethodRouter) -> Self:
        """Answer `path` with the handlers of `method_router`.

        A path routed again gains the new methods. Raises ValueError for a path that cannot match, or that is
        another's but for the names of captures, and for a method it already has; TypeError for a handler
        whose parameters nothing can fill.
        """
        if not isinstance(method_router, MethodRouter):
            raise TypeError(f"route({path!r}, ...) takes get(handler) or the like, not {method_router!r}")
        captures = parse_path(path).captures
        for handler, _ in method_router.handlers.values():
            self._check(handler, path, captures)
        entries = {
            method: Registered(handler, layers, (self._scope,))
            for method, (handler, layers) in method_router.handlers.items()
        }
        return self._add({path: PathEntry(entries, (), (self._scope,))})

    def get(self, path: str) -> Callable[[H], H]:
        """Answer GET, and HEAD, of `path` with the function decorated: `@app.get("/users")`."""
        return self.on("GET", path)

    def post(self, path: str) -> Callable[[H], H]:
        """Answer POST of `path` with the function decorated."""
        return self.on("POST", path)

    def put(self, path: str) -> Callable[[H], H]:
        """Answer PUT of `path` with the function decorated."""
        return self.on("PUT", path)

    def patch(self, path: str) -> Callable[[H], H]:
        """Answer PATCH of `path` with the function decorated."""
        return self.on("PATCH", path)

    def delete(self, path: str) -> Callable[[H], H]:
        """Answer DELETE of `path` with the function decorated."""
        return self.on("DELETE", path)

    def on(self, method: str, path: str) -> Callable[[H], H]:
        """Answer `method` of `path` with the function decorated."""

        def register(handler: H) -> H:
            self.route(path, MethodRouter().on(method, handler))
            return handler

        return register

    def nest(self, prefix: str, router: "Router") -> Self:
        """Answer what `router` has by now under `prefix`, which may have captures.

        Its layers, states and hooks stay around its handlers, and those of this router come behind them; its
        fallback answers what begins with prefix and has no path. What its handlers see of the request's path
        is the whole. Raises as `route`.
        """
        self._check_router("nest", router)
        join(prefix, "/")  # refuses what is no prefix, also of a router that has no paths
        paths = {join(prefix, path): entry for path, entry in router._paths.items()}
        fallbacks = {join(prefix, inner or "/"): one for inner, one in router._fallbacks.items()}
        return self._take(router, paths, fallbacks)

    def merge(self, router: "Router") -> Self:
        """Answer what `router` has by now as well; only one of the two may have a fallback."""
        self._check_router("merge", router)
        return self._take(router, router._paths, router._fallbacks)

    def fallback(self, handler: Handler) -> Self:
        """Answer what has no path with `handler`, in place of 404."""
        self._check(handler, "of no route", ())
        if "" in self._fallbacks:
            raise ValueError(_twice("the fallback", self._fallbacks[""].handler, handler))
        self._fallbacks[""] = Registered(handler, self._default_layers, (self._scope,))
        return self._changed()

    def method_not_allowed_fallback(self, handler: Handler) -> Self:
        """Answer a method that a path of this router does not have with `handler`, in place of 405.

        The answer has Allow as 405 has.
        """
        self._check(handler, "of no route", ())
        if self._scope.method_not_allowed is not None:
            raise ValueError(_twice("the fallback for methods", self._scope.method_not_allowed, handler))
        self._scope.method_not_allowed = handler
        return self._changed()

    def connect(self, handler: Handler) -> Self:
        """Answer CONNECT (RFC 9110 section 9.3.6) with `handler`.

        Its target has no path: `request.host` is the host and port to be connected to. The handler answers an
        `Upgrade`, or an error: clients take any status from 200 to 299 for the beginning of the tunnel. Where
        there is none the answer is 501. Raises as `route`.
        """
        self._check(handler, "of CONNECT", ())
        if self._connect is not None:
            raise ValueError(_twice("CONNECT", self._connect.handler, handler))
        self._connect = Registered(handler, (), (self._scope,))
        return self._changed()

    # What is around handlers.

    def layer(self, layer: Layer | NormalizePath) -> Self:
        """Have `layer` run around all that is there by now: handlers, fallbacks, and answers of 404 and 405.

        The last layer is the outermost.
        """
        if isinstance(layer, NormalizePath):
            for entry in self._paths.values():
                entry.trimmed = True
            return self._changed()
        self.route_layer(layer)
        for entry in self._paths.values():
            entry.layers += (layer,)
        for prefix, fallback in self._fallbacks.items():
            self._fallbacks[prefix] = fallback.inside(layer)
        self._default_layers += (layer,)
        return self

    def route_layer(self, layer: Layer) -> Self:
        """Have `layer` run around the handlers there are by now; not where there is no path or method."""
        check_layer(layer)
        for entry in self._paths.values():
            entry.methods = {method: handler.inside(layer) for method, handler in entry.methods.items()}
        if self._connect is not None:
            self._connect = self._connect.inside(layer)
        return self._changed()

    def handle_error(self, handlers: Mapping[type[BaseException], ErrorHandler]) -> Self:
        """Have exceptions of handlers answered: {KeyError: f}, where f(error) returns an answer.

        f may be async. The nearest base of an exception counts, of nested routers the inner one's. Layers see
        the answer.
        """
        for kind, handler in handlers.items():
            if not (isinstance(kind, type) and issubclass(kind, BaseException)) or not callable(handler):
                raise TypeError(f"handle_error takes {{exception: function}}, not {kind!r}: {handler!r}")
            if kind in self._scope.errors:
                raise ValueError(_twice(kind.__name__, self._scope.errors[kind], handler))
        self._scope.errors.update(handlers)
        return self._changed()

    def on_rejection(self, answer: Callable[[Rejection], Answer | Awaitable[Answer]]) -> Self:
        """Have answer(rejection) say what requests are answered that do not fill a handler's parameters."""
        return self.handle_error({Rejection: answer})

    def with_state(self, state: object, kind: Any = None) -> Self:
        """Give handlers `state`, which `State[T]` takes by its type; one of a type, others may be added.

        kind: the T that it is taken by, a protocol or a base class; its own class by default. It is for the
        handlers of this router, and of those nested in it that have none of that type.
        """
        kind = type(state) if kind is None else kind
        if kind in self._scope.states:
            raise ValueError(f"there is a state of type {kind.__name__} already; give it a type of its own")
        self._scope.states[kind] = state
        return self._changed()

    def with_lifespan(
        self, lifespan: Callable[[Self], contextlib.AbstractAsyncContextManager[Any]]
    ) -> Self:
        """Have lifespan(router) entered before requests come, and left after the last; several nest.

        It returns an async context manager. What that gives, if not None, is a state while it lasts.
        """
        if not callable(lifespan):
            raise TypeError(f"with_lifespan takes a function of the router, not {lifespan!r}")
        self._lifespans.append((lifespan, self._scope, self))
        return self

    @contextlib.contextmanager
    def override(self, replacements: Mapping[Any, Any]) -> Generator[Self]:
        """Have others stand in during a `with`: for dependencies and lifespans by function, states by type.

        {get_user: f, database: no_database, Clock: FakeClock()}. For tests: what `oneshot` is asked in the
        `with`, and a server that begins to listen in it, has them.
        """
        before = self._scope.overrides
        self._scope.overrides = {**before, **replacements}
        self._changed()
        try:
            yield self
        finally:
            self._scope.overrides = before
            self._changed()

    # What is there.

    def routes(self) -> list[Route]:
        """List what is registered, in order of registration of each path; GET's HEAD is not listed.

        The handler of CONNECT comes last, with an empty path.
        """
        routes = [
            Route(method, path, registered.handler)
            for path, entry in self._paths.items()
            for method, registered in entry.methods.items()
        ]
        if self._connect is not None:
            routes.append(Route("CONNECT", "", self._connect.handler))
        return routes

    def compile(self) -> Routes:
        """Return what a connection is handed. Later registrations do not reach it.

        Raises TypeError for a handler whose parameters nothing can fill, such as a state that is missing.
        """
        changes = sum(scope.changes for scope in self._scopes)
        if self._compiled is None or self._compiled[0] != changes:
            self._compiled = changes, compile_routes(
                self._paths, self._fallbacks, self._default_layers, self._connect, self._scope, self._lent
            )
        return self._compiled[1]

    async def oneshot(self, request: Request) -> Response:
        """Answer one request, made by `Request.build`, on the loop that runs; for tests, without a server.

        An exception that would be a 500 is raised. What `request.after` was given has run when this returns.
        Lifespans are not entered; `async with app.lifespan()` gives a router for which they are.
        """
        response = await answer_of(self.compile(), request)
        for context, call, args in request._take_after():
            result = context.run(call, *args)
            if inspect.iscoroutine(result):
                await asyncio.get_running_loop().create_task(result, context=context)
        return response

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[Self]:
        """Enter all lifespans during an `async with`, in the order in which they were added.

        Gives a router as this is now, whose handlers have what the lifespans gave. It may be done several
        times at once, on loops of their own too: each time has states of its own.
        """
        lent: dict[Scope, dict[type, object]] = {}
        async with contextlib.AsyncExitStack() as stack:
            for lifespan, scope, router in self._lifespans:
                lifespan = self._scope.overrides.get(lifespan, lifespan)
                state = await enter_lifespan(stack, lifespan, router)
                if state is None:
                    continue
                kind = type(state)
                states = lent.setdefault(scope, {})
                if kind in scope.states or kind in states:
                    raise ValueError(
                        f"a lifespan gives a state of type {kind.__name__}, and there is one already; "
                        f"give it a type of its own"
                    )
                states[kind] = state
            entered = copy.copy(self)
            entered._lent = lent
            entered._compiled = None
            yield entered

    def _check_router(self, verb: str, router: object) -> None:
        if not isinstance(router, Router):
            raise TypeError(f"{verb} takes a Router, not {router!r}")
        if router is self:
            raise ValueError(f"{verb} takes another Router: a router cannot be in itself")

    def _check(self, handler: Handler, path: str, captures: tuple[str, ...]) -> None:
        check_handler(handler)
        around = Surroundings(path, captures, may_nest=True)
        read_signature(handler, f"handler {handler_name(handler)}()", around)

    def _take(
        self, router: "Router", paths: Mapping[str, PathEntry], fallbacks: Mapping[str, Registered]
    ) -> Self:
        for prefix, fallback in fallbacks.items():
            if prefix in self._fallbacks:
                raise ValueError(_twice("the fallback", self._fallbacks[prefix].handler, fallback.handler))
        if router._connect is not None and self._connect is not None:
            raise ValueError(_twice("CONNECT", self._connect.handler, router._connect.handler))
        self._add({path: entry.within(self._scope) for path, entry in paths.items()})
        self._fallbacks |= {prefix: fallback.within(self._scope) for prefix, fallback in fallbacks.items()}
        if router._connect is not None:
            self._connect = router._connect.within(self._scope)
        self._scopes += router._scopes
        self._lifespans += router._lifespans
        return self._changed()

    def _add(self, paths: Mapping[str, PathEntry]) -> Self:
        """Add paths, all or, raising ValueError, none."""
        matched = self._matched.copy()
        merged = {}
        for path, entry in paths.items():
            known = matched.setdefault(parse_path(path).segments, path)
            if known != path:
                raise ValueError(f"path {path} matches what {known} does; name its captures the same")
            earlier = self._paths.get(path)
            for method, registered in entry.methods.items():
                if earlier is not None and method in earlier.methods:
                    other = earlier.methods[method].handler
                    raise ValueError(_twice(f"{method} {path}", other, registered.handler))
            merged[path] = entry if earlier is None else earlier.joined(entry)
        self._matched = matched
        self._paths |= merged
        return self._changed()

    def _changed(self) -> Self:
        self._scope.changes += 1
        return self


async def enter_lifespan(stack: contextlib.AsyncExitStack, lifespan: Lifespan, router: Any) -> Any:
    """Enter the lifespan of router, which stack leaves; return what it gives."""
    manager = lifespan(router)
    if not isinstance(manager, contextlib.AbstractAsyncContextManager):
        raise TypeError(
            f"lifespan must return an async context manager, not {type(manager).__name__}; decorate it with "
            f"@contextlib.asynccontextmanager"
        )
    given = await manager.__aenter__()
    # How the server ended is no business of what it was given to work with.
    stack.push_async_callback(manager.__aexit__, None, None, None)
    return given


def _twice(what: str, handler: object, other: object) -> str:
    return f"{what} already has handler {handler_name(handler)}(); {handler_name(other)}() would never run"
