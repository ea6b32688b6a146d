"""Form: a body of application/x-www-form-urlencoded; of GET and HEAD the query."""

from typing import Annotated, Any, TypeAlias, TypeVar

from fastloop_http._h1.request import Request
from fastloop_http._h1.urlencoded import FormError, parse_dict
from fastloop_http.errors import FormRejection
from fastloop_http.extract.convert import in_lists
from fastloop_http.extract.failures import INVALID, Failure
from fastloop_http.extract.rejected import MISSING, rejected
from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.typed import typed_text

T = TypeVar("T")

QUERY_METHODS = ("GET", "HEAD")


class FromForm(Extractor):
    """Take the fields of a form.

    A struct, or another type with fields, takes them by their names; a list in it takes repeated ones. Any
    other type takes one: that of the parameter's name, or of the given one. Optional, it is None where the
    request has no Content-Type; of GET and HEAD, where it has no query.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        of = typed_text(parameter)
        whole = self.name is None and of.is_whole
        name = self.name or parameter.name
        lists = of.lists if whole else frozenset((name,)) if of.is_array else frozenset()
        encode, decode = of.encode, of.of_text()
        may_miss, missing = parameter.may_miss, parameter.missing

        def check(request: Request) -> None:
            if request._is_form() or request.method in QUERY_METHODS:
                return
            if not may_miss or request.content_type is not None:
                raise FormRejection(
                    "a form has Content-Type: application/x-www-form-urlencoded", status=415
                )

        def call(request: Request, body: bytes) -> Any:
            in_query = request.method in QUERY_METHODS
            if may_miss and (not request.query if in_query else request.content_type is None):
                return missing
            form = request.query if in_query else body
            value: Any = None
            try:
                value = in_lists(form) if lists is None else parse_dict(form, lists)
                if not whole:
                    value = value.get(name)
                if value is not None:
                    return value if decode is None else decode(encode(value))
            except FormError as error:
                raise FormRejection(str(error), status=400) from None
            except INVALID as error:
                found = of.failures(error, value)
            else:
                if may_miss:
                    return missing
                found = [Failure((), MISSING)]
            named = found if whole else [Failure((name,), failure.detail) for failure in found]
            raise rejected(FormRejection, "form field", "field", named, status=400 if in_query else 422)

        return Source(call=call, arguments=("request", "body"), check=check, refused=FormRejection)


Form: TypeAlias = Annotated[T, FromForm()]
