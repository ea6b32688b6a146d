"""Compile a handler's signature, once, into the call that feeds it.

Knows callables, `Request` and the names a path captures; not how paths are matched, never a socket.
What a handler returns is not looked at here: a coroutine is passed on, not awaited.
"""

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import MethodType
from typing import TypeAlias

from fastloop_http._h1.request import Request
from fastloop_http._h1.routes import Call

Handler: TypeAlias = Callable[..., object]


def compile_plan(handler: Handler, path: str, captures: Sequence[str]) -> Call:
    """Return how `handler` is called for a request on `path`.

    `captures` names what the path captures, in order. A parameter annotated `Request` gets the request; one
    named like a capture, annotated `str` or not at all, gets its text; any other keeps its default. Captures
    the handler does not take are left alone.

    A handler that takes the request first, if at all, and then captures is called as it is.

    Raises TypeError for a parameter that nothing can fill, and for `*args` and `**kwargs`: what to pass
    them is a guess, and a decorator without functools.wraps would hide the parameters that matter.
    """
    name = handler_name(handler)
    namespace = getattr(inspect.unwrap(_function(handler)), "__globals__", {})
    bound = handler.keywords if isinstance(handler, partial) else {}
    arguments: list[str] = []
    by_position = True  # until a parameter is left to its default
    for parameter in _signature(handler, name).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(
                f"handler {name}(): nothing tells what to pass {str(parameter).split(':')[0]}; "
                f"name its parameters, or use functools.wraps in the decorator that hides them"
            )
        source = None if parameter.name in bound else _source(parameter, name, namespace, path, captures)
        if source is None:
            by_position = False
        elif parameter.kind is parameter.KEYWORD_ONLY:
            arguments.append(f"{parameter.name}={source}")
        elif by_position:
            arguments.append(source)
        elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            arguments.append(f"{parameter.name}={source}")
        else:
            raise TypeError(
                f"handler {name}(): positional-only parameter {parameter.name!r} follows one that keeps its "
                f"default, so it cannot be passed; put it first"
            )
    return _plan(handler, name, arguments)


def check_handler(handler: object) -> None:
    """Raise TypeError for what cannot be a handler on any path."""
    if not callable(handler):
        raise TypeError(f"a handler must be callable, not {handler!r} ({type(handler).__name__})")
    name = handler_name(handler)
    if inspect.isclass(handler):
        raise TypeError(f"handler {name} is a class; pass one of its methods or an instance with __call__")
    function = _function(handler)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"handler {name}() is a generator; a handler returns its answer, it does not yield")


def handler_name(handler: object) -> str:
    """Name `handler` as its author would: `greet`, `Site.index`."""
    if isinstance(handler, partial):
        return handler_name(handler.func)
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    return str(name).rpartition("<locals>.")[2]


def _plan(handler: Handler, name: str, arguments: list[str]) -> Call:
    """Return how to call `handler` with arguments: `request`, `text2` for the third capture, `key=text2`."""
    sources = [argument.rpartition("=")[2] for argument in arguments]
    texts = [source for source in sources if source != "request"]
    places = tuple(int(text.removeprefix("text")) for text in texts)
    wants_request = "request" in sources
    given = ["request", *texts] if wants_request else texts
    if arguments != given:
        # Only parameter names, which are identifiers, and our own words enter the source.
        source = f"lambda {', '.join(given)}: handler({', '.join(arguments)})"
        handler = eval(compile(source, f"<call plan of {name}>", "eval"), {"handler": handler})
    return Call(handler, wants_request, places)


def _source(
    parameter: inspect.Parameter,
    handler: str,
    namespace: dict[str, object],
    path: str,
    captures: Sequence[str],
) -> str | None:
    """Return the expression that fills `parameter`, or None where it keeps its default."""
    name = parameter.name
    annotation = _annotation(parameter, handler, namespace)
    if annotation is Request:
        return "request"
    if name in captures:
        if annotation is parameter.empty or annotation is str:
            return f"text{captures.index(name)}"
        raise TypeError(
            f"handler {handler}(): parameter {name!r} is annotated {inspect.formatannotation(annotation)}, "
            f"but what path {path} captures is str; annotate it str and convert it in the handler"
        )
    if parameter.default is not parameter.empty:
        return None
    if name == "request":
        raise TypeError(
            f"handler {handler}(): parameter 'request' is not annotated with fastloop_http's Request; "
            f"write request: Request"
        )
    raise TypeError(
        f"handler {handler}(): parameter {name!r} is neither a Request nor a capture; "
        f"path {path} captures: {', '.join(captures) or 'nothing'}; "
        f"rename it, annotate it Request, or give it a default"
    )


def _annotation(parameter: inspect.Parameter, handler: str, namespace: dict[str, object]) -> object:
    """Return the annotation itself where `from __future__ import annotations` left its source."""
    annotation: object = parameter.annotation
    cause = None
    if isinstance(annotation, str):
        try:
            return eval(annotation, namespace)
        except Exception as error:  # the source is an arbitrary expression
            cause = error
    elif type(annotation).__name__ == "ForwardRef":  # Python 3.14's word for a name not bound yet
        annotation = getattr(annotation, "__forward_arg__", annotation)
    else:
        return annotation
    raise TypeError(
        f"handler {handler}(): annotation {annotation!r} of parameter {parameter.name!r} is not known "
        f"at run time; import it at the top of the module, outside TYPE_CHECKING"
    ) from cause


def _signature(handler: Handler, name: str) -> inspect.Signature:
    try:
        if sys.version_info >= (3, 14):
            from annotationlib import Format

            # A return annotation imported under TYPE_CHECKING is not our business: do not evaluate it.
            return inspect.signature(handler, annotation_format=Format.FORWARDREF)
        return inspect.signature(handler)
    except ValueError as error:
        raise TypeError(f"handler {name}() does not tell its parameters; wrap it in a function") from error


def _function(handler: object) -> Handler:
    """Return what runs beneath partials, methods and callable objects."""
    while True:
        if isinstance(handler, partial):
            handler = handler.func
        elif isinstance(handler, MethodType):
            handler = handler.__func__
        elif inspect.isfunction(call := getattr(type(handler), "__call__", None)):  # noqa: B004
            handler = call
        else:
            assert callable(handler)
            return handler
