"""MatchedPath: the path of the route, as it was added."""

from typing import Annotated, TypeAlias

from fastloop_http.extract.source import Extractor, Parameter, Source


class FromMatchedPath(Extractor):
    """Take the path of the handler's route: "/users/{id}"; with the prefixes that it is nested under."""

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        return Source(constant=parameter.around.path)


MatchedPath: TypeAlias = Annotated[str, FromMatchedPath()]
