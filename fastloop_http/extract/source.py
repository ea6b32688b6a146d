"""What fills a handler's parameter: how extractors say it, and what the call plan is made of."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from fastloop_http.errors import BodyRejection

EMPTY: Any = inspect.Parameter.empty


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Source:
    """How a parameter gets its value: what `call` returns for `arguments`.

    arguments: any of "request", "text0" for the first capture of the path (a str), "body" for the whole body
    (bytes), or another Source, whose value is made once for a request. names: of the last of the arguments,
    those that are passed by keyword. call: None for the one argument as it is. constant: the value itself,
    the same for all requests. awaited: what the call returns is awaited. entered: it is a context manager,
    which gives the value, and is left when the handler has ended; with `awaited` an asynchronous one.

    check: called with the request before its body is read. refused: the rejection for a body that cannot be
    had: refused(detail, status=status). reads_body: call reads the body from the request by itself.
    """

    call: Callable[..., Any] | None = None
    arguments: "tuple[str | Source, ...]" = ()
    names: tuple[str, ...] = ()
    constant: Any = EMPTY
    awaited: bool = False
    entered: bool = False
    check: Callable[[Any], object] | None = None
    refused: type[BodyRejection] = BodyRejection
    reads_body: bool = False

    @property
    def takes_body(self) -> bool:
        """Whether the body is read for it: only one of a handler's parameters may."""
        return self.reads_body or "body" in self.arguments


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the plan of a handler is made in: its path, and what its router gives.

    captures: names of what the path captures, in order. states: values by the type they were given as; None
    at registration, when they are not known yet. overrides: what stands in for dependencies and states in
    tests, by dependency or type. may_nest: what is missing may come of the prefix of another router.
    shared: the sources of dependencies that the plan has already.
    """

    path: str = ""
    captures: tuple[str, ...] = ()
    states: Mapping[type, object] | None = None
    overrides: Mapping[object, object] = field(default_factory=dict)
    may_nest: bool = False
    shared: "dict[object, Source | None]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a handler, or of a dependency, that has to be filled.

    function: whose it is, in words: "handler create()". type: what the value has to be, without `Annotated`
    and `| None`. optional: None is taken too. default: EMPTY where there is none.
    """

    function: str
    name: str
    type: Any
    default: Any = EMPTY
    optional: bool = False
    around: Surroundings = Surroundings()

    @property
    def may_miss(self) -> bool:
        """Whether there is something to pass where the request has nothing for it."""
        return self.optional or self.default is not EMPTY

    @property
    def missing(self) -> Any:
        """What to pass where the request has nothing for it."""
        return None if self.default is EMPTY else self.default

    def refuse(self, problem: str) -> NoReturn:
        """Raise TypeError: nothing can fill this parameter. problem: why, and what to do about it."""
        raise TypeError(f"{self.function}: parameter {self.name!r} {problem}")

    def of_type(self, kind: Any) -> "Parameter":
        """Return the same parameter for another type."""
        return replace(self, type=kind)


class Extractor:
    """The base of what stands in `Annotated[T, ...]` and fills a parameter from the request.

    `Json`, `Query` and so on are generic aliases of such; made by themselves they take options:
    `Annotated[str, FromHeader("x-token")]`.

    Own extractors need none of this: a class with a method `from_request(request)`, plain or async, fills the
    parameters annotated with it, and an object with such a method is an extractor in `Annotated`.
    """

    def source(self, parameter: Parameter) -> Source:
        """Return how parameter is filled; TypeError, by parameter.refuse(), where it cannot be.

        Called as the route is added, and again when the router is compiled.
        """
        raise NotImplementedError(f"{type(self).__name__}.source")
