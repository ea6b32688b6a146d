"""Cookie: cookies by the names of parameters, several in a struct."""

from typing import Annotated

import msgspec
from asked import Refused, ask, refusal

from fastloop_http.extract import Cookie, FromCookie


class Visit(msgspec.Struct):
    count: int
    theme: str = "dark"


def test_cookie_is_converted_to_the_type() -> None:
    assert ask(Cookie[str], headers={"cookie": "a=1; x=b"}) == "b"
    assert ask(Cookie[int], headers={"cookie": "x=7"}) == 7
    assert ask(Cookie[Visit], headers={"cookie": "count=3; other=1"}) == Visit(3)
    assert ask(Cookie[dict[str, str]], headers={"cookie": "a=1; b=2"}) == {"a": "1", "b": "2"}


def test_cookie_that_does_not_fit_is_refused() -> None:
    assert ask(Cookie[str]) == Refused(400, [("x", "Missing")])
    assert ask(Cookie[int], headers={"cookie": "x=b"}) == Refused(400, [("x", "Expected `int`")])
    assert ask(Cookie[Visit], headers={"cookie": "count=b"}) == Refused(400, [("count", "Expected `int`")])


def test_missing_cookie_is_none_or_its_default() -> None:
    assert ask(Cookie[str] | None) is None
    assert ask(Cookie[int], default=5) == 5
    assert ask(Cookie[Visit] | None) is None
    assert ask(Cookie[int] | None, headers={"cookie": "x=b"}).status == 400


def test_cookie_may_be_named() -> None:
    assert ask(Annotated[str, FromCookie("__Host-id")], headers={"cookie": "__Host-id=t"}) == "t"


def test_many_values_of_a_cookie_are_refused() -> None:
    assert "a cookie has one" in refusal(Cookie[list[str]])
