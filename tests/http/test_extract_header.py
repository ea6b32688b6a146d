"""Header: fields by the names of parameters, repeated ones, several in a struct."""

from typing import Annotated, Any

import msgspec
import pytest
from asked import Refused, ask, refusal

from fastloop_http.extract import FromHeader, Header


class Client(msgspec.Struct):
    user_agent: str
    x_count: list[int] = []


@pytest.mark.parametrize(
    ("kind", "name", "headers", "value"),
    [
        (str, "user_agent", [("User-Agent", "curl")], "curl"),
        (int, "x_count", [("X-Count", "3")], 3),
        (str, "from_", [("From", "me")], "me"),
        (list[int], "x_count", [("X-Count", "3"), ("x-count", "4")], [3, 4]),
        (str, "x_empty", [("X-Empty", "")], ""),
        (Client, "client", [("User-Agent", "curl"), ("X-Count", "3")], Client("curl", [3])),
    ],
)
def test_field_is_converted_to_the_type(
    kind: Any, name: str, headers: list[tuple[str, str]], value: object
) -> None:
    assert ask(Header[kind], name=name, headers=headers) == value


@pytest.mark.parametrize(
    ("kind", "headers", "errors"),
    [
        (str, [], [("x-count", "Missing")]),
        (list[str], [], [("x-count", "Missing")]),
        (int, [("X-Count", "many")], [("x-count", "Expected `int`")]),
        (Client, [("X-Count", "a")], [("user-agent", "Missing"), ("x-count", "Expected `int`")]),
    ],
)
def test_fields_that_do_not_fit_are_refused(
    kind: Any, headers: list[tuple[str, str]], errors: list[tuple[str, str]]
) -> None:
    assert ask(Header[kind], name="x_count", headers=headers) == Refused(400, errors)


def test_missing_field_is_none_or_its_default() -> None:
    assert ask(Header[str] | None) is None
    assert ask(Header[int], default=5) == 5
    assert ask(Header[list[str]], default=()) == ()
    assert ask(Header[Client] | None) is None
    assert ask(Header[int] | None, headers={"x": "a"}).status == 400


def test_field_may_be_named() -> None:
    assert ask(Annotated[str, FromHeader("X-Token")], headers={"x-token": "t"}) == "t"


def test_fields_by_any_name_are_refused() -> None:
    assert "take the Request" in refusal(Header[dict[str, str]])
