"""Extractors of one's own: a class, or an object, with a method from_request(request)."""

import inspect
from functools import partial
from typing import Any

from fastloop_http.extract.source import Parameter, Source

METHOD = "from_request"


def custom_source(parameter: Parameter, owner: Any) -> Source:
    """Return how parameter is filled by owner.from_request(request), plain or async.

    It returns the value, or raises a Rejection, or any exception with into_response().
    """
    name = owner.__qualname__ if isinstance(owner, type) else type(owner).__qualname__
    if isinstance(owner, type):
        raw = inspect.getattr_static(owner, METHOD)
        if inspect.isfunction(raw):
            parameter.refuse(
                f"is made by {name}.{METHOD}, which takes an instance; decorate it with @classmethod or "
                f"@staticmethod"
            )
    call = getattr(owner, METHOD)
    try:
        inspect.signature(call).bind(None)
    except TypeError:
        parameter.refuse(f"is made by {name}.{METHOD}, which has to take just the request")
    except ValueError:
        pass  # compiled, and does not tell
    if inspect.isasyncgenfunction(call) or inspect.isgeneratorfunction(call):
        parameter.refuse(f"is made by {name}.{METHOD}, which yields; return the value, or use Depends")
    return Source(call=call, arguments=("request",), awaited=is_async(call))


def is_async(call: Any) -> bool:
    """Say whether what call returns has to be awaited."""
    while isinstance(call, partial):
        call = call.func
    if inspect.iscoroutinefunction(call):
        return True
    return inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004
