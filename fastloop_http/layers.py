"""Put layers, and what answers errors, around the call of a handler."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from fastloop_http._h1.request import Request
from fastloop_http._h1.routes import Call
from fastloop_http.extract.signature import function_of
from fastloop_http.middleware.layer import Layer, Next
from fastloop_http.respond.answer import Answer
from fastloop_http.respond.response import Response, into_response

# Called with an error.
ErrorHandler: TypeAlias = Callable[[Any], Answer | Awaitable[Answer]]


def check_layer(layer: object) -> None:
    """Raise TypeError for what is no layer."""
    if not callable(layer) or inspect.isclass(layer):
        raise TypeError(
            f"a layer is an async function of (request, next), or an object with such a __call__, "
            f"not {layer!r}"
        )
    if not inspect.iscoroutinefunction(function_of(layer)):
        raise TypeError(f"layer {layer!r} is not async; write async def, and await next(request) in it")


def with_errors_handled(call: Call, handlers: Mapping[type[BaseException], ErrorHandler]) -> Call:
    """Return call with what it raises answered by the handler of its type, or of its nearest base."""
    run = call.call
    kinds = tuple(handlers)

    async def handled(*arguments: Any) -> object:
        try:
            value = run(*arguments)
            return await value if inspect.isawaitable(value) else value
        except kinds as error:
            kind = next(base for base in type(error).__mro__ if base in handlers)
            answer = handlers[kind](error)
            return await answer if inspect.isawaitable(answer) else answer

    return Call(handled, call.wants_request, call.captures)


def with_layers(call: Call, layers: Sequence[Layer]) -> Call:
    """Return call with layers around it, the innermost first; call itself where there are none."""
    if not layers:
        return call
    run: Next = _innermost(call)
    for layer in layers[:-1]:
        run = _around(layer, run)
    outermost, inside = layers[-1], run

    def layered(request: Request, *texts: str) -> Awaitable[object]:
        request._captured = texts
        return outermost(request, inside)

    return Call(layered, True, call.captures)


def _innermost(call: Call) -> Next:
    run = call.call
    wants_request = call.wants_request

    async def innermost(request: Request) -> Response:
        try:
            texts = request._captured or ()
            value = run(request, *texts) if wants_request else run(*texts)
            return into_response(await value if inspect.isawaitable(value) else value)
        except Exception as error:
            if not hasattr(error, "into_response"):
                raise
            # So that layers see the answer.
            return into_response(error)

    return innermost


def _around(layer: Layer, inside: Next) -> Next:
    async def around(request: Request) -> Response:
        try:
            return into_response(await layer(request, inside))
        except Exception as error:
            if not hasattr(error, "into_response"):
                raise
            return into_response(error)

    return around
