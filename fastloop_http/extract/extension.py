"""Extension: what a layer has put into the request's extensions."""

from typing import Annotated, Any, TypeAlias, TypeVar

from fastloop_http._h1.request import Request
from fastloop_http.errors import ExtensionRejection
from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.typed import plain, shown

T = TypeVar("T")


class FromExtension(Extractor):
    """Take what a layer has put into `request.extensions`, under the parameter's type or the given key."""

    def __init__(self, key: object = None) -> None:
        self.key = key

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        key: Any = plain(parameter.type) if self.key is None else self.key
        may_miss, missing = parameter.may_miss, parameter.missing

        def call(request: Request) -> object:
            value = request.extensions.get(key, request)
            if value is not request:
                return value
            if may_miss:
                return missing
            # The client is told nothing of how the server is made.
            error = ExtensionRejection("the server lacks what this request needs")
            error.add_note(f"no layer has set request.extensions[{shown(key)}] for {parameter.function}")
            raise error

        return Source(call=call, arguments=("request",))


Extension: TypeAlias = Annotated[T, FromExtension()]
