"""Compile what a Router has registered into what a connection is handed."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from fastloop_http._h1.request import Request
from fastloop_http._h1.routes import Call, Endpoint, PathTree
from fastloop_http._paths import decode, parse_path
from fastloop_http.extract.source import Surroundings
from fastloop_http.handler import Handler, compile_plan
from fastloop_http.layers import ErrorHandler, with_errors_handled, with_layers
from fastloop_http.middleware.layer import Layer
from fastloop_http.respond.response import Response, into_response


@dataclass(frozen=True, slots=True)
class Routes:
    """What a connection needs of a Router: a snapshot, untouched by later registrations.

    `exact` maps "METHOD /path", the request line up to the end of the path decoded as latin-1, to
    (call, wants_request, path): `call(request)` if wants_request, else `call()`. `tree` has all paths with
    what answers them. `dispatch(request)` answers whatever is in neither, or has captures to be decoded: it
    returns what the handler returned (a coroutine if it is async), or an error answer.
    """

    exact: dict[str, tuple[Callable[..., object], bool, str]]
    tree: PathTree
    dispatch: Callable[[Request], object]


@dataclass(slots=True, eq=False)
class Scope:
    """What a router gives to its handlers, and to those of routers nested in it.

    changes: counts them, so that what was compiled before is known to be old.
    """

    states: dict[type, object] = field(default_factory=dict)
    overrides: Mapping[Any, Any] = field(default_factory=dict)
    errors: dict[type[BaseException], ErrorHandler] = field(default_factory=dict)
    method_not_allowed: Handler | None = None
    changes: int = 0


# States of this time of serving, from lifespans, beside those that scopes have for good.
Lent: TypeAlias = Mapping[Scope, Mapping[type, object]]


@dataclass(frozen=True, slots=True)
class Registered:
    """A handler with the layers around it, and the scopes it is in, the innermost first."""

    handler: Handler
    layers: tuple[Layer, ...]
    scopes: tuple[Scope, ...]

    def inside(self, layer: Layer) -> "Registered":
        """Return the same with one more layer around it."""
        return replace(self, layers=(*self.layers, layer))

    def within(self, scope: Scope) -> "Registered":
        """Return the same in one more scope."""
        return replace(self, scopes=(*self.scopes, scope))

    def compile(
        self, path: str, captures: tuple[str, ...], overrides: Mapping[Any, Any], lent: Lent
    ) -> Call:
        """Return how it is called for a request on path."""
        states: dict[type, object] = {}
        errors: dict[type[BaseException], ErrorHandler] = {}
        for scope in self.scopes:
            states = {**scope.states, **lent.get(scope, {}), **states}
            errors = {**scope.errors, **errors}
        around = Surroundings(path, captures, states, overrides)
        call = compile_plan(self.handler, around)
        if errors:
            call = with_errors_handled(call, errors)
        return with_layers(call, self.layers)


@dataclass(slots=True, eq=False)
class PathEntry:
    """What answers at one path.

    layers: around what answers a method that it does not have. trimmed: it answers with a slash behind, too.
    """

    methods: dict[str, Registered]
    layers: tuple[Layer, ...]
    scopes: tuple[Scope, ...]
    trimmed: bool = False

    def within(self, scope: Scope) -> "PathEntry":
        """Return the same in one more scope."""
        methods = {method: registered.within(scope) for method, registered in self.methods.items()}
        return PathEntry(methods, self.layers, (*self.scopes, scope), self.trimmed)

    def joined(self, other: "PathEntry") -> "PathEntry":
        """Return this with the methods of other."""
        return PathEntry(self.methods | other.methods, self.layers, self.scopes, self.trimmed)


def compile_routes(
    paths: Mapping[str, PathEntry],
    fallbacks: Mapping[str, Registered],
    default_layers: tuple[Layer, ...],
    connect: Registered | None,
    scope: Scope,
    lent: Lent,
) -> Routes:
    """Return the routes of a router; see its attributes."""
    exact: dict[str, tuple[Callable[..., object], bool, str]] = {}
    found: list[tuple[Any, Endpoint]] = []
    refusals: dict[str, Call] = {}
    for path, entry in paths.items():
        pattern = parse_path(path)
        calls = {
            method: registered.compile(path, pattern.captures, scope.overrides, lent)
            for method, registered in entry.methods.items()
        }
        if "GET" in calls:
            calls.setdefault("HEAD", calls["GET"])
        allow = ", ".join(sorted({*calls, "OPTIONS"}))
        refusals[path] = _refusal(entry, allow, scope, lent)
        endpoint = Endpoint(calls, allow, path)
        patterns = [pattern]
        if entry.trimmed and None not in pattern.segments and path != "/" and path + "/" not in paths:
            patterns.append(parse_path(path + "/"))
        for form in patterns:
            found.append((form.segments, endpoint))
            if form.static is not None:
                for method, call in calls.items():
                    exact[f"{method} {form.static}"] = (call.call, call.wants_request, path)
    tunnel = None if connect is None else connect.compile("", (), scope.overrides, lent)
    tree = PathTree(found)
    fallback = _fallback(fallbacks, default_layers, scope, lent)
    return Routes(exact, tree, _dispatcher(tree, refusals, fallback, tunnel))


def _refusal(entry: PathEntry, allow: str, scope: Scope, lent: Lent) -> Call:
    """Return what answers a method that entry does not have."""

    def refuse(request: Request) -> object:
        if request.method == "OPTIONS":
            return 204, {"Allow": allow}, b""
        return 405, {"Allow": allow}, "Method Not Allowed"

    handler = next((one.method_not_allowed for one in entry.scopes if one.method_not_allowed), None)
    if handler is None:
        return with_layers(Call(refuse, True, ()), entry.layers)
    inner = Registered(handler, (), entry.scopes).compile("of no route", (), scope.overrides, lent)

    async def refuse_otherwise(request: Request) -> object:
        if request.method == "OPTIONS":
            return refuse(request)
        response = into_response(await _settled(_call(inner, request)))
        response.headers.setdefault("allow", allow)
        return response

    return with_layers(Call(refuse_otherwise, True, ()), entry.layers)


def _fallback(
    fallbacks: Mapping[str, Registered], default_layers: tuple[Layer, ...], scope: Scope, lent: Lent
) -> Callable[[Request], object]:
    """Return what answers a request for which there is no path."""
    calls = {prefix: one.compile(prefix, (), scope.overrides, lent) for prefix, one in fallbacks.items()}
    last = calls.pop("", None) or with_layers(Call(_not_found, False, ()), default_layers)
    # The longest prefix goes first by itself: static text, and captures, go before what is left.
    tree = PathTree(
        (parse_path(prefix + rest).segments, Endpoint({"": call}, "", prefix))
        for prefix, call in calls.items()
        for rest in (["", "{*rest}"] if prefix.endswith("/") else ["", "/", "/{*rest}"])
    )

    def fall_back(request: Request) -> object:
        found = tree.match(request.path)
        return _call(last if found is None else found[0].calls[""], request)

    return fall_back


def _not_found() -> object:
    return 404, {}, "Not Found"


def _dispatcher(
    tree: PathTree,
    refusals: Mapping[str, Call],
    fall_back: Callable[[Request], object],
    connect: Call | None,
) -> Callable[[Request], object]:
    def dispatch(request: Request) -> object:
        matched = tree.match(request.path)
        if matched is None:
            if request.method == "CONNECT":
                return (501, {}, "Not Implemented") if connect is None else _call(connect, request)
            return fall_back(request)
        endpoint, captured = matched
        request._matched_path = endpoint.path
        plan = endpoint.calls.get(request.method)
        if plan is None:
            return _call(refusals[endpoint.path], request)
        texts = [decode(text) for text in captured]
        if None in texts:
            return 400, {}, "Bad Request: path is not percent-encoded UTF-8"
        return _call(plan, request, *[texts[place] for place in plan.captures])

    return dispatch


def _call(call: Call, request: Request, *texts: Any) -> object:
    return call.call(request, *texts) if call.wants_request else call.call(*texts)


async def _settled(value: object) -> object:
    return await value if inspect.isawaitable(value) else value


async def answer_of(routes: Routes, request: Request) -> Response:
    """Return what request is answered; raise what has no answer of its own."""
    try:
        return into_response(await _settled(routes.dispatch(request)))
    except Exception as error:
        if not hasattr(error, "into_response"):
            raise
        return into_response(error)
