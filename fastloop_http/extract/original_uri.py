"""OriginalUri: the request target."""

from operator import attrgetter
from typing import Annotated, TypeAlias

from fastloop_http.extract.source import Extractor, Parameter, Source


class FromOriginalUri(Extractor):
    """Take the request target as it was sent: "/search?q=a%20b"."""

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        return Source(call=attrgetter("target"), arguments=("request",))


OriginalUri: TypeAlias = Annotated[str, FromOriginalUri()]
