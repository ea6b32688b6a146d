"""State: what the router was given for all requests."""

from typing import Annotated, Any, TypeAlias, TypeVar, get_origin

from fastloop_http.extract.source import Extractor, Parameter, Source
from fastloop_http.extract.typed import plain, shown

T = TypeVar("T")


class FromState(Extractor):
    """Take the value that `Router.with_state` was given: of just this type, or the only one of its kind."""

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled."""
        whole = plain(parameter.type)
        kind = get_origin(whole) or whole
        states = parameter.around.states
        overrides = parameter.around.overrides
        for key in (whole, kind):
            if key in overrides:
                return Source(constant=overrides[key])
        if states is None:
            return Source(constant=None)
        for key in (whole, kind):
            if key in states:
                return Source(constant=states[key])
        fitting = [value for value in states.values() if self._fits(value, kind, parameter)]
        if len(fitting) == 1:
            return Source(constant=fitting[0])
        if fitting:
            names = ", ".join(shown(type(value)) for value in fitting)
            parameter.refuse(f"is state of type {shown(kind)}, and {names} all are; name the one it is")
        if parameter.may_miss:
            return Source(constant=parameter.missing)
        return parameter.refuse(
            f"is state of type {shown(kind)}, which the router has not; give it one: with_state(value)"
        )

    def _fits(self, value: object, kind: Any, parameter: Parameter) -> bool:
        try:
            return isinstance(value, kind)
        except TypeError:
            return parameter.refuse(
                f"is state of type {shown(kind)}, which is no class to look for; name a class, or decorate "
                f"the Protocol with @runtime_checkable"
            )


State: TypeAlias = Annotated[T, FromState()]
