"""What extractors of texts share: from what a request has under a name, to the value of a parameter."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from fastloop_http._h1.request import Request
from fastloop_http._h1.urlencoded import FormError, parse_pairs
from fastloop_http.errors import Rejection
from fastloop_http.extract.failures import INVALID, Failure, Place
from fastloop_http.extract.pydantic import PydanticType
from fastloop_http.extract.rejected import MISSING, rejected
from fastloop_http.extract.source import Parameter, Source
from fastloop_http.extract.typed import Typed

Of: TypeAlias = Typed | PydanticType


class About(NamedTuple):
    """Where texts come from, as a rejection says it: its class, "query parameter", FieldError's place."""

    rejection: type[Rejection]
    what: str
    place: str

    def refused(self, failures: list[Failure], name_of: Callable[[Place], str]) -> Rejection:
        """Return the rejection for texts of another type. name_of: names what is at a place in them."""
        named = [Failure((name_of(place),), detail) for place, detail in failures]
        return rejected(self.rejection, self.what, self.place, named)

    def missing(self, name: str) -> Rejection:
        """Return the rejection where nothing has this name."""
        return rejected(self.rejection, self.what, self.place, [Failure((name,), MISSING)])


def first_name(place: Place) -> str:
    """Return the name that leads to place."""
    return str(place[0]) if place else ""


def text_call(typed: Of, about: About, name_of: Callable[[Place], str]) -> Callable[[Any], Any] | None:
    """Return what makes the value of texts, or raises a rejection; None where the text is the value.

    name_of: names, for the rejection, what is at a place in the texts.
    """
    encode, decode = typed.encode, typed.of_text()
    if decode is None:
        return None

    def call(texts: Any) -> Any:
        try:
            return decode(encode(texts))
        except INVALID as error:
            raise about.refused(typed.failures(error, texts), name_of) from None

    return call


def one_source(
    parameter: Parameter, typed: Of, about: About, name: str, get: Callable[[Request], Any]
) -> Source:
    """Return how a parameter is filled with what get(request) returns of this name: None where nothing is."""
    may_miss, missing = parameter.may_miss, parameter.missing
    convert = text_call(typed, about, lambda place: name)

    def call(request: Request) -> Any:
        try:
            text = get(request)
        except FormError as error:
            raise about.rejection(str(error)) from None
        if text is not None:
            return text if convert is None else convert(text)
        if may_miss:
            return missing
        raise about.missing(name)

    return Source(call=call, arguments=("request",))


def whole_source(
    parameter: Parameter,
    typed: Of,
    about: About,
    get: Callable[[Request], Any],
    is_missing: Callable[[Request], bool],
    name_of: Callable[[Place], str] = first_name,
) -> Source:
    """Return how a parameter is filled with what it makes of the texts by name that get(request) returns.

    is_missing: says of a request that it has nothing at all for it.
    """
    may_miss, missing = parameter.may_miss, parameter.missing
    encode, decode = typed.encode, typed.of_text()
    assert decode is not None

    def call(request: Request) -> Any:
        texts: Any = {}
        try:
            texts = get(request)
            return decode(encode(texts))
        except FormError as error:
            raise about.rejection(str(error)) from None
        except INVALID as error:
            raise about.refused(typed.failures(error, texts), name_of) from None

    def call_or_miss(request: Request) -> Any:
        return missing if is_missing(request) else call(request)

    return Source(call=call_or_miss if may_miss else call, arguments=("request",))


def in_lists(form: bytes | str) -> dict[str, list[str]]:
    """Return what a form has by name, each in a list."""
    texts: dict[str, list[str]] = {}
    for name, text in parse_pairs(form):
        texts.setdefault(name, []).append(text)
    return texts
