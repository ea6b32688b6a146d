"""Query: the parameters of the query."""

from collections.abc import Callable
from dataclasses import replace
from operator import methodcaller
from typing import Annotated, Any, TypeAlias, TypeVar

from fastloop_http._h1.decoding import MOST_FIELDS, query_call, struct_call
from fastloop_http._h1.request import Request
from fastloop_http.errors import QueryRejection
from fastloop_http.extract.convert import About, Of, in_lists, one_source, whole_source
from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.typed import Typed, typed_text

T = TypeVar("T")

ABOUT = About(QueryRejection, "query parameter", "parameter")


class FromQuery(Extractor):
    """Take parameters of the query.

    A struct, or another type with fields, takes them by their names; a list in it takes repeated ones. Any
    other type takes one: that of the parameter's name, or of the given one. Optional, a struct is None where
    there is no query at all.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        of = typed_text(parameter)
        if self.name is None and of.is_whole:
            source = whole_source(parameter, of, ABOUT, self._get_whole(of), has_no_query)
            if isinstance(of, Typed) and of.lists == frozenset() and not parameter.may_miss:
                assert source.call is not None
                return replace(source, call=compiled(of, source.call))
            return source
        name = self.name or parameter.name
        if not of.is_array:
            return one_source(parameter, of, ABOUT, name, methodcaller("query_value", name))

        lists = frozenset((name,))

        def get_all(request: Request) -> Any:
            return request.query_dict(lists).get(name)

        return one_source(parameter, of, ABOUT, name, get_all)

    def _get_whole(self, of: Of) -> Callable[[Request], Any]:
        lists = of.lists
        if lists is None:
            return lambda request: in_lists(request.query)
        return methodcaller("query_dict", lists) if lists else methodcaller("query_dict")


def compiled(of: Typed, call: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """Return what does the same as call, and leaves to it what is not plain."""
    fields = of.plain_fields()
    if fields is not None and len(fields) <= MOST_FIELDS:
        return struct_call(of.type, fields, call)
    decode = of.of_text()
    assert decode is not None
    return query_call(decode, call)


def has_no_query(request: Request) -> bool:
    """Say whether the request has no query."""
    return not request.query


Query: TypeAlias = Annotated[T, FromQuery()]
