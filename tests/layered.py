"""A handler within layers, on every method of "/"."""

from collections.abc import Callable
from typing import Any

from fastloop_http import Request, Router, any_method


def layered(handler: Callable[[Request], Any], *layers: Any) -> Router:
    """Return an app that answers by handler(request), with the layers around it, the outermost first."""

    async def answer(request: Request) -> Any:
        value = handler(request)
        return await value if hasattr(value, "__await__") else value

    app = Router().route("/", any_method(answer))
    for layer in reversed(layers):
        app.layer(layer)
    return app
