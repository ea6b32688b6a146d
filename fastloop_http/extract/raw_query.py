"""RawQuery: the query as it was sent."""

from typing import Annotated, TypeAlias

from fastloop_http._h1.request import Request
from fastloop_http.extract.source import Extractor, Parameter, Source


class FromRawQuery(Extractor):
    """Take the query, percent-encoded: "" behind a bare "?", None without one."""

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        return Source(call=query_of, arguments=("request",))


def query_of(request: Request) -> str | None:
    """Return the query; None where the target has none."""
    query = request.query
    return query if query or "?" in request.target else None


RawQuery: TypeAlias = Annotated[str | None, FromRawQuery()]
