"""Header: header fields."""

from typing import Annotated, TypeAlias, TypeVar

from fastloop_http._h1.request import Request
from fastloop_http.errors import HeaderRejection
from fastloop_http.extract.convert import About, first_name, one_source, whole_source
from fastloop_http.extract.failures import Place
from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.typed import typed_text

T = TypeVar("T")

ABOUT = About(HeaderRejection, "header field", "header")


class FromHeader(Extractor):
    """Take header fields, without regard to case.

    A struct, or another type with fields, takes them by their names, any other type takes one: that of the
    parameter's name, or of the given one; a list takes one that is repeated. In the names of parameters and
    of fields "_" stands for "-". Optional, a struct is None where no field is there.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        of = typed_text(parameter)
        if self.name is None and of.is_whole:
            if of.names is None:
                parameter.refuse("takes header fields by any name; take the Request, and its headers")
            lists = of.lists or ()
            pairs = [(name, field_name(name), name in lists) for name in of.names]

            def get_whole(request: Request) -> dict[str, str | list[str]]:
                headers = request.headers
                texts: dict[str, str | list[str]] = {}
                for name, field, is_list in pairs:
                    found = (headers.getall(field) or None) if is_list else headers.get(field)
                    if found is not None:
                        texts[name] = found
                return texts

            def is_missing(request: Request) -> bool:
                return not get_whole(request)

            def name_of(place: Place) -> str:
                return field_name(first_name(place))

            return whole_source(parameter, of, ABOUT, get_whole, is_missing, name_of)
        name = self.name or field_name(parameter.name)

        def get(request: Request) -> str | None:
            return request.headers.get(name)

        def get_all(request: Request) -> list[str] | None:
            return request.headers.getall(name) or None

        return one_source(parameter, of, ABOUT, name, get_all if of.is_array else get)


def field_name(name: str) -> str:
    """Return the field that a name in Python stands for."""
    return name.strip("_").replace("_", "-").lower()


Header: TypeAlias = Annotated[T, FromHeader()]
