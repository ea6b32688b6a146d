"""Depends: a parameter that another function gives."""

import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar, overload

from fastloop_http.extract.signature import function_of, read_signature
from fastloop_http.extract.source import Extractor, Parameter, Source

T = TypeVar("T")


# What returns an iterator may yield the value or return it: types do not tell.
@overload
def Depends(call: Callable[..., AsyncIterator[Any] | Iterator[Any]], *, shared: bool = True) -> Any: ...
@overload
def Depends(call: Callable[..., Coroutine[Any, Any, T]], *, shared: bool = True) -> T: ...
@overload
def Depends(call: Callable[..., T], *, shared: bool = True) -> T: ...
def Depends(call: Callable[..., Any], *, shared: bool = True) -> Any:
    """Have call() give a parameter: `Annotated[User, Depends(current_user)]`, or `user: User = Depends(f)`.

    call: a function, plain or async, or a class; its own parameters are filled as a handler's are. One that
    yields, once, gives what it yields; what follows runs when the handler has ended, and an exception of the
    handler is raised at the yield. For a request it is called once, however often it is depended on, unless
    shared is False. To type checkers it is what call() gives, so that it may be a default.

    Raises TypeError for what cannot be called.
    """
    if not callable(call):
        raise TypeError(f"Depends takes a function, not {call!r}")
    return FromDependency(call, shared)


class FromDependency(Extractor):
    """Take what call() gives, as `Depends` says."""

    def __init__(self, call: Callable[..., Any], shared: bool) -> None:
        self.call = call
        self.shared = shared

    def source(self, parameter: Parameter) -> Source:
        """Return how the parameter is filled; TypeError where call's own parameters cannot be."""
        around = parameter.around
        call: Any = around.overrides.get(self.call, self.call)
        name = getattr(call, "__qualname__", type(call).__qualname__).rpartition("<locals>.")[2]
        if call in around.shared:
            known = around.shared[call]
            if known is None:
                parameter.refuse(f"depends on {name}(), which depends on itself; break the circle")
            if self.shared:
                return known
        around.shared[call] = None
        try:
            source = _source(call, f"dependency {name}() of {parameter.function}", parameter)
        finally:
            del around.shared[call]
        if self.shared:
            around.shared[call] = source
        return source


def _source(call: Callable[..., Any], who: str, parameter: Parameter) -> Source:
    filled = read_signature(call, who, parameter.around)
    for argument in filled:
        if argument.caught:
            raise TypeError(f"{who}: only a handler takes rejections; leave them out of its annotations")
    beneath = function_of(call)
    entered = inspect.isgeneratorfunction(beneath)
    awaited = inspect.iscoroutinefunction(beneath)
    if entered:
        call = contextlib.contextmanager(call)
    elif inspect.isasyncgenfunction(beneath):
        entered = awaited = True
        call = contextlib.asynccontextmanager(call)
    return Source(
        call=call,
        arguments=tuple(argument.source for argument in filled),
        names=tuple(argument.keyword for argument in filled if argument.keyword),
        awaited=awaited,
        entered=entered,
    )
