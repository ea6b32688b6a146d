"""Read the signature of a handler, or of a dependency, into what fills its parameters.

Knows callables and annotations; not what becomes of the values, never a socket.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import MethodType, NoneType, UnionType
from typing import Annotated, Any, NamedTuple, NoReturn, TypeAlias, Union, get_args, get_origin

from fastloop_http._h1.incoming import BodyStream
from fastloop_http._h1.request import Request
from fastloop_http.errors import Rejection
from fastloop_http.extract.custom import custom_source
from fastloop_http.extract.path import FromPath
from fastloop_http.extract.source import EMPTY, Extractor, Parameter, Source, Surroundings

Caught: TypeAlias = tuple[type[Rejection], ...]


class Filled(NamedTuple):
    """One argument of a call: what gives it, and how it is passed.

    keyword: the parameter's name where it is passed by that, "" where by position. caught: the rejections
    that are passed in place of the value, as the parameter takes them.
    """

    keyword: str
    source: Source
    caught: Caught = ()


class Told(NamedTuple):
    """What an annotation says. extractor: an Extractor, something with from_request(), or None."""

    type: Any
    extractor: Any = None
    optional: bool = False
    caught: Caught = ()


def read_signature(function: Callable[..., Any], who: str, around: Surroundings) -> list[Filled]:
    """Return what function is called with; parameters that keep their defaults are left out.

    who: function in words, for errors: "handler create()". A parameter is filled by the extractor in its
    annotation; or, annotated `Request`, with the request; or, named like a capture of the path, with that.

    Raises TypeError for a parameter that nothing can fill, and for `*args` and `**kwargs`: what to pass
    them is a guess, and a decorator without functools.wraps would hide the parameters that matter.
    """
    beneath: Any = inspect.unwrap(function_of(function))
    if inspect.isclass(beneath):
        beneath = beneath.__init__
    namespace = getattr(beneath, "__globals__", {})
    bound = function.keywords if isinstance(function, partial) else {}
    filled: list[Filled] = []
    by_position = True  # until a parameter is left to its default
    for parameter in _signature(function, who).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(
                f"{who}: nothing tells what to pass {str(parameter).split(':')[0]}; "
                f"name its parameters, or use functools.wraps in the decorator that hides them"
            )
        argument = None if parameter.name in bound else _fill(parameter, who, namespace, around)
        if argument is None:
            by_position = False
        elif parameter.kind is parameter.KEYWORD_ONLY or not by_position:
            if parameter.kind is parameter.POSITIONAL_ONLY:
                raise TypeError(
                    f"{who}: positional-only parameter {parameter.name!r} follows one that keeps its "
                    f"default, so it cannot be passed; put it first"
                )
            by_position = False
            filled.append(argument._replace(keyword=parameter.name))
        else:
            filled.append(argument)
    _check_bodies(filled, who)
    return filled


def function_of(function: object) -> Callable[..., Any]:
    """Return what runs beneath partials, methods and callable objects."""
    while True:
        if isinstance(function, partial):
            function = function.func
        elif isinstance(function, MethodType):
            function = function.__func__
        elif inspect.isclass(function):
            return function
        elif inspect.isfunction(call := getattr(type(function), "__call__", None)):  # noqa: B004
            function = call
        else:
            assert callable(function)
            return function


def _fill(
    parameter: inspect.Parameter, who: str, namespace: dict[str, object], around: Surroundings
) -> Filled | None:
    """Return what fills parameter, or None where it keeps its default."""
    annotation = _annotation(parameter, who, namespace)
    default = parameter.default
    asked = Parameter(function=who, name=parameter.name, type=annotation, default=default, around=around)
    told = _read_annotation(asked, annotation)
    if isinstance(default, Extractor):
        if told.extractor is not None:
            asked.refuse("has an extractor in its annotation and another for its default; leave one out")
        told = told._replace(extractor=default)
        default = EMPTY
    asked = Parameter(
        function=who,
        name=parameter.name,
        type=told.type,
        default=default,
        optional=told.optional,
        around=around,
    )
    source = _source(asked, told)
    return None if source is None else Filled("", source, told.caught)


def _source(asked: Parameter, told: Told) -> Source | None:
    captures = asked.around.captures
    if isinstance(told.extractor, Extractor):
        return told.extractor.source(asked)
    if told.extractor is not None:
        return custom_source(asked, told.extractor)
    if told.type is Request:
        return Source(arguments=("request",))
    if told.type is BodyStream:
        return Source(call=Request.stream, arguments=("request",), reads_body=True)
    if asked.name in captures:
        if told.type is EMPTY or told.type is str:
            return Source(arguments=(f"text{captures.index(asked.name)}",))
        return FromPath().source(asked)
    if asked.default is EMPTY:
        _refuse_unfilled(asked)
    return None


def _refuse_unfilled(asked: Parameter) -> NoReturn:
    if asked.name == "request":
        asked.refuse("is not annotated with fastloop_http's Request; write request: Request")
    captures = asked.around.captures
    asked.refuse(
        f"is neither an extractor nor a capture; path {asked.around.path} captures: "
        f"{', '.join(captures) or 'nothing'}; rename it, annotate it with an extractor such as Query[int] or "
        f"Request, or give it a default"
    )


def _read_annotation(asked: Parameter, annotation: Any) -> Told:
    """Take an annotation apart: `Annotated[T, extractor]`, alone or in a union with None and rejections."""
    if sys.version_info >= (3, 12):
        from typing import TypeAliasType

        while isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
    if get_origin(annotation) in (Union, UnionType):
        members = get_args(annotation)
        told = [_read_annotation(asked, member) for member in members]
        asking = [one for one in told if one.extractor is not None]
        if not asking:
            return Told(annotation)
        caught = tuple(
            one.type for one in told if inspect.isclass(one.type) and issubclass(one.type, Rejection)
        )
        optional = any(one.type is NoneType for one in told)
        if len(asking) + len(caught) + optional < len(told):
            asked.refuse(
                f"is annotated {inspect.formatannotation(annotation)}; beside an extractor there may be "
                f"None, and the rejections that the handler takes itself"
            )
        if len(asking) > 1:
            asked.refuse("has more than one extractor; it takes one value, so leave one")
        one = asking[0]
        return one._replace(optional=optional or one.optional, caught=caught)
    if get_origin(annotation) is Annotated:
        kind, *notes = get_args(annotation)
        extractors = [note for note in notes if isinstance(note, Extractor) or hasattr(note, "from_request")]
        if len(extractors) > 1:
            asked.refuse("has more than one extractor; it takes one value, so leave one")
        if extractors:
            optional = NoneType in _members(kind)
            # Further notes are the type's: msgspec.Meta(ge=0).
            others = [note for note in notes if note is not extractors[0]]
            return Told(Annotated[(kind, *others)] if others else kind, extractors[0], optional)
        return _read_annotation(asked, kind)
    if inspect.isclass(annotation) and hasattr(annotation, "from_request"):
        return Told(annotation, annotation)
    return Told(annotation)


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _check_bodies(filled: list[Filled], who: str) -> None:
    """Raise TypeError where more than one argument takes the body: there is one."""
    taking = dict.fromkeys(source for argument in filled for source in body_sources(argument.source))
    if len(taking) > 1:
        raise TypeError(
            f"{who}: {len(taking)} parameters take the body of the request, and it has one; take it once, "
            f"and the rest from query, path or header fields"
        )


def body_sources(source: Source) -> Iterator[Source]:
    """Yield those that take the body among source and what it is made of."""
    if source.takes_body:
        yield source
    for argument in source.arguments:
        if isinstance(argument, Source):
            yield from body_sources(argument)


def _annotation(parameter: inspect.Parameter, who: str, namespace: dict[str, object]) -> Any:
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
        f"{who}: annotation {annotation!r} of parameter {parameter.name!r} is not known at run time; "
        f"import it at the top of the module, outside TYPE_CHECKING"
    ) from cause


def _signature(function: Callable[..., Any], who: str) -> inspect.Signature:
    try:
        if sys.version_info >= (3, 14):
            from annotationlib import Format

            # A return annotation imported under TYPE_CHECKING is not our business: do not evaluate it.
            return inspect.signature(function, annotation_format=Format.FORWARDREF)
        return inspect.signature(function)
    except ValueError as error:
        raise TypeError(f"{who} does not tell its parameters; wrap it in a function") from error
