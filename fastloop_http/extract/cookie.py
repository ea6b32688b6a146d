"""Cookie: what the client has kept for the server."""

from typing import Annotated, Any, TypeAlias, TypeVar

from fastloop_http._h1.request import Request
from fastloop_http.errors import CookieRejection
from fastloop_http.extract.convert import About, one_source, whole_source
from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.typed import typed_text

T = TypeVar("T")

ABOUT = About(CookieRejection, "cookie", "cookie")


class FromCookie(Extractor):
    """Take cookies.

    A struct, or another type with fields, takes them by their names, any other type takes one: that of the
    parameter's name, or of the given one. Optional, a struct is None where there are no cookies.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        of = typed_text(parameter)
        if of.is_array:
            parameter.refuse("takes many values, and a cookie has one; take one, or a dict[str, str]")
        if self.name is None and of.is_whole:
            return whole_source(parameter, of, ABOUT, cookies, has_no_cookies)
        name = self.name or parameter.name

        def get(request: Request) -> str | None:
            return request.cookies.get(name)

        return one_source(parameter, of, ABOUT, name, get)


def cookies(request: Request) -> Any:
    """Return the cookies, by name."""
    return request.cookies


def has_no_cookies(request: Request) -> bool:
    """Say whether there are no cookies."""
    return not request.cookies


Cookie: TypeAlias = Annotated[T, FromCookie()]
