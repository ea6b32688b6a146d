"""A handler within layers, on every method of "/"."""

from collections.abc import Callable
from typing import Any

from fastloop_http import MethodRouter, Request, Router
from fastloop_http.respond import Response, into_response

METHODS = ("get", "post", "put", "patch", "delete", "options")


def layered(handler: Callable[..., Any], *layers: Any) -> Router:
    """Return an app that answers by handler(request), with the layers around it, the outermost first."""

    async def innermost(request: Request) -> Response:
        value = handler(request)
        return into_response(await value if hasattr(value, "__await__") else value)

    call = innermost
    for layer in reversed(layers):

        async def outer(request: Request, layer: Any = layer, inside: Any = call) -> Response:
            return into_response(await layer(request, inside))

        call = outer

    async def answer(request: Request) -> object:
        return await call(request)

    routes = MethodRouter()
    for method in METHODS:
        routes = getattr(routes, method)(answer)
    return Router().route("/", routes)
