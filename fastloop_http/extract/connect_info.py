"""ConnectInfo: who has sent the request."""

from operator import attrgetter
from typing import Annotated, TypeAlias

from fastloop_http.extract.source import Extractor, Parameter, Source


class FromConnectInfo(Extractor):
    """Take the client's (host, port), which is `Request.client`; None where it is not known."""

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        return Source(call=attrgetter("client"), arguments=("request",))


ConnectInfo: TypeAlias = Annotated[tuple[str, int] | None, FromConnectInfo()]
