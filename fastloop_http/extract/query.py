"""Query: the parameters of the query."""

from operator import attrgetter, methodcaller
from typing import Annotated, Any, TypeAlias, TypeVar

from fastloop_http._h1.request import Request
from fastloop_http._h1.urlencoded import parse_pairs
from fastloop_http.errors import QueryRejection
from fastloop_http.extract.convert import About, collected, one_source, whole_source
from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.typed import typed_text

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
            if of.lists == frozenset():
                return whole_source(parameter, of, ABOUT, attrgetter("query_dict"), has_no_query)

            def get(request: Request) -> Any:
                return collected(parse_pairs(request.query), of)

            return whole_source(parameter, of, ABOUT, get, has_no_query)
        name = self.name or parameter.name
        if not of.is_array:
            return one_source(parameter, of, ABOUT, name, methodcaller("query_value", name))

        def get_all(request: Request) -> list[str] | None:
            return [text for other, text in parse_pairs(request.query) if other == name] or None

        return one_source(parameter, of, ABOUT, name, get_all)


def has_no_query(request: Request) -> bool:
    """Say whether the request has no query."""
    return not request.query


Query: TypeAlias = Annotated[T, FromQuery()]
