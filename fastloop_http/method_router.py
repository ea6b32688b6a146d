"""The handlers of one path, by method, in the manner of axum's MethodRouter."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fastloop_http.handler import Handler, check_handler, handler_name
from fastloop_http.layers import check_layer
from fastloop_http.middleware.layer import Layer

# RFC 9110 section 9.1, RFC 5789; CONNECT has no path.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Layered(NamedTuple):
    """A handler, and the layers around it, the innermost first."""

    handler: Handler
    layers: tuple[Layer, ...] = ()


class MethodRouter:
    """The handlers of one path, by method; made by get(), post() and so on, and chained.

    Each call returns a new MethodRouter: `get(a).post(b)`. One more handler for a method is a ValueError.
    """

    __slots__ = ("_handlers",)

    def __init__(self, handlers: Mapping[str, Layered] | None = None) -> None:
        self._handlers = dict(handlers or {})

    def get(self, handler: Handler) -> "MethodRouter":
        """Answer GET with `handler`, and HEAD too unless it has its own."""
        return self.on("GET", handler)

    def post(self, handler: Handler) -> "MethodRouter":
        """Answer POST with `handler`."""
        return self.on("POST", handler)

    def put(self, handler: Handler) -> "MethodRouter":
        """Answer PUT with `handler`."""
        return self.on("PUT", handler)

    def patch(self, handler: Handler) -> "MethodRouter":
        """Answer PATCH with `handler`."""
        return self.on("PATCH", handler)

    def delete(self, handler: Handler) -> "MethodRouter":
        """Answer DELETE with `handler`."""
        return self.on("DELETE", handler)

    def head(self, handler: Handler) -> "MethodRouter":
        """Answer HEAD with `handler`, in place of GET's."""
        return self.on("HEAD", handler)

    def options(self, handler: Handler) -> "MethodRouter":
        """Answer OPTIONS with `handler`; without it the answer is 204 with the path's methods in Allow."""
        return self.on("OPTIONS", handler)

    def on(self, methods: str | Iterable[str], handler: Handler) -> "MethodRouter":
        """Answer these methods, "PURGE" or ["GET", "POST"], with `handler`; they are case-sensitive."""
        check_handler(handler)
        handlers = self._handlers.copy()
        for method in [methods] if isinstance(methods, str) else methods:
            if not method or not TOKEN.issuperset(method):
                raise ValueError(f"method {method!r} is not a token (RFC 9110 section 9.1)")
            if method == "CONNECT":
                raise ValueError("CONNECT has no path; use Router.connect()")
            if method in handlers:
                raise ValueError(
                    f"{method} already has handler {handler_name(handlers[method].handler)}(); "
                    f"{handler_name(handler)}() would never run"
                )
            handlers[method] = Layered(handler)
        return MethodRouter(handlers)

    def layer(self, layer: Layer) -> "MethodRouter":
        """Have `layer` run around the handlers so far, outside of the layers they have."""
        check_layer(layer)
        handlers = self._handlers.items()
        return MethodRouter(
            {method: Layered(handler, (*layers, layer)) for method, (handler, layers) in handlers}
        )

    @property
    def handlers(self) -> dict[str, Layered]:
        """A copy of the handlers with their layers, by method."""
        return dict(self._handlers)

    def __repr__(self) -> str:
        listed = ", ".join(f"{method}: {handler_name(one.handler)}" for method, one in self._handlers.items())
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


def on(methods: str | Iterable[str], handler: Handler) -> MethodRouter:
    """Answer these methods, "PURGE" or ["GET", "POST"], with `handler`."""
    return MethodRouter().on(methods, handler)


def any_method(handler: Handler) -> MethodRouter:
    """Answer all methods that have a name of their own here, GET to TRACE, with `handler`."""
    return MethodRouter().on(METHODS, handler)
