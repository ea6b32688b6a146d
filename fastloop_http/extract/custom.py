"""Own extractors."""

import inspect
from typing import Any

from fastloop_http.extract.source import Parameter, Source


def custom_source(parameter: Parameter, owner: Any) -> Source:
    """Return how parameter is filled by owner.from_request()."""
    return Source(
        call=owner.from_request,
        arguments=("request",),
        awaited=inspect.iscoroutinefunction(owner.from_request),
    )
