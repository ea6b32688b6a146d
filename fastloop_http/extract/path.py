"""Path."""

import msgspec

from fastloop_http.extract.source import Extractor, Parameter, Source


class FromPath(Extractor):
    """From a capture of the path."""

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        index = parameter.around.captures.index(parameter.name)
        kind = parameter.type
        return Source(call=lambda text: msgspec.convert(text, kind, strict=False), arguments=(f"text{index}",))
