"""Body: the body of a request, whole, as bytes or as text."""

from typing import Annotated, TypeAlias, TypeVar

from fastloop_http.errors import BodyRejection
from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.typed import plain

T = TypeVar("T")


class FromBody(Extractor):
    """Take the whole body: bytes as they are, str decoded as UTF-8.

    Optional, it is None where the body is empty.
    """

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        kind = plain(parameter.type)
        if kind not in (bytes, str):
            parameter.refuse("takes the body as it is, which is bytes or str; take Json for other types")
        convert = text_of if kind is str else None
        if not parameter.may_miss:
            return Source(call=convert, arguments=("body",))
        missing = parameter.missing

        def call(body: bytes) -> object:
            if not body:
                return missing
            return body if convert is None else convert(body)

        return Source(call=call, arguments=("body",))


def text_of(body: bytes) -> str:
    """Return the text that a body is in UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BodyRejection(f"the body is not UTF-8, at byte {error.start}", status=400) from None


Body: TypeAlias = Annotated[T, FromBody()]
