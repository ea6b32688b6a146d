"""Compile a handler, once, into the call that feeds it.

Knows callables and what fills their parameters; not how paths are matched, never a socket.
What a handler returns is not looked at here: a coroutine is passed on, not awaited.
"""

import inspect
from collections.abc import Awaitable
from functools import partial
from typing import Any, Protocol

from fastloop_http._h1.routes import Call
from fastloop_http._plan import write_plan
from fastloop_http.extract.signature import function_of, read_signature
from fastloop_http.extract.source import Surroundings
from fastloop_http.respond.answer import Answer


class Handler(Protocol):
    """What may answer requests: any callable, plain or async, that returns an `Answer`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Answer | Awaitable[Answer]:
        """Return the answer to a request."""



def compile_plan(handler: Handler, around: Surroundings) -> Call:
    """Return how `handler` is called for a request on the path that around tells.

    Parameters are filled as their annotations say: see docs/handlers.md. Captures that the handler does not
    take are left alone. A handler that takes the request first, if at all, and then captures as they are is
    called as it is.

    Raises TypeError for a parameter that nothing can fill.
    """
    name = handler_name(handler)
    return write_plan(handler, name, read_signature(handler, f"handler {name}()", around))


def check_handler(handler: object) -> None:
    """Raise TypeError for what cannot be a handler on any path."""
    if not callable(handler):
        raise TypeError(f"a handler must be callable, not {handler!r} ({type(handler).__name__})")
    name = handler_name(handler)
    if inspect.isclass(handler):
        raise TypeError(f"handler {name} is a class; pass one of its methods or an instance with __call__")
    function = function_of(handler)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"handler {name}() is a generator; a handler returns its answer, it does not yield")


def handler_name(handler: object) -> str:
    """Name `handler` as its author would: `greet`, `Site.index`."""
    if isinstance(handler, partial):
        return handler_name(handler.func)
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    return str(name).rpartition("<locals>.")[2]
