"""Json: bodies that are of the type, and axum's statuses for all others."""

import datetime
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pytest
from asked import JSON, Refused, ask, refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from fastloop_http.extract import Json


class User(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=2)]
    age: int


class Order(msgspec.Struct, forbid_unknown_fields=True):
    user: User
    tags: list[int] = []
    sizes: dict[str, int] = {}


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    bones: int


class Span(msgspec.Struct):
    begin: int
    end: int

    def __post_init__(self) -> None:
        if self.end < self.begin:
            raise ValueError("ends before it begins")


@dataclass
class Event:
    at: datetime.datetime


class Opaque: ...


def post(kind: Any, body: bytes, headers: dict[str, str] = JSON, **options: Any) -> Any:
    return ask(Json[kind], method="POST", headers=headers, body=body, **options)


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        (User, b'{"name": "Ada", "age": 36}', User("Ada", 36)),
        (list[int], b"[1, 2]", [1, 2]),
        (Cat | Dog, b'{"type": "Dog", "bones": 2}', Dog(2)),
        (Event, b'{"at": "2026-11-22T10:30:00"}', Event(datetime.datetime(2026, 11, 22, 10, 30))),
        (Any, b'{"a": [1, null]}', {"a": [1, None]}),
        (dict[str, Any], b"{}", {}),
        (User | None, b"null", None),
    ],
)
def test_body_is_decoded_to_the_type(kind: Any, body: bytes, value: object) -> None:
    assert post(kind, body) == value


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/problem+json", "application/a+json"],
)
def test_content_type_is_json(content_type: str) -> None:
    assert post(int, b"1", {"content-type": content_type}) == 1


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/jsonp", "text/json"])
def test_other_content_type_is_refused(content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    assert post(int, b"1", headers) == Refused(415, [])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"name": "A", "a": }', b'{"name": 1} x', b'"\xff"', b'"\\ud800"', b"\xef\xbb\xbf1", b"nul"],
)
def test_malformed_body_is_refused(body: bytes) -> None:
    assert post(User, body) == Refused(400, [])


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000])
def test_body_that_is_nested_too_deeply_is_refused(body: bytes) -> None:
    assert post(Any, body) == Refused(400, [])


@pytest.mark.parametrize(
    ("kind", "body", "errors"),
    [
        (int, b'"1"', [("#", "Expected `int`, got `str`")]),
        (User, b"[]", [("#", "Expected `object`, got `array`")]),
        (User, b"{}", [("#/name", "Missing"), ("#/age", "Missing")]),
        (User, b'{"name": "A", "age": 1.5}', [
            ("#/name", "Expected `str` of length >= 2"),
            ("#/age", "Expected `int`, got `float`"),
        ]),
        (Order, b'{"user": {"name": 1}, "tags": [1, "a", null], "sizes": {"a/b~ \xc3\xa4": ""}, "more": 1}', [
            ("#/user/name", "Expected `str`, got `int`"), ("#/user/age", "Missing"),
            ("#/tags/1", "Expected `int`, got `str`"), ("#/tags/2", "Expected `int`, got `null`"),
            ("#/sizes/a~1b~0%20%C3%A4", "Expected `int`, got `str`"), ("#/more", "Not known"),
        ]),
        (Cat | Dog, b'{"type": "Dog", "bones": "a"}', [("#/bones", "Expected `int`, got `str`")]),
        (Cat | Dog, b'{"type": "Fox"}', [("#/type", "Invalid value 'Fox'")]),
        (Cat | Dog, b"{}", [("#", "Object missing required field `type`")]),
        (list[Span], b'[{"begin": 2, "end": 1}]', [("#/0", "ends before it begins")]),
        (Any, b"1" * 5000, [("#", "Integer value out of range")]),
    ],
)  # fmt: skip
def test_body_of_another_type_is_refused_for_all_that_is_wrong(
    kind: Any, body: bytes, errors: list[tuple[str, str]]
) -> None:
    assert post(kind, body) == Refused(422, errors)


@settings(max_examples=200, deadline=None)
@given(st.binary() | st.text().map(str.encode) | st.binary().map(lambda tail: b'{"user": {"age": 1' + tail))
def test_no_body_is_the_servers_error(body: bytes) -> None:
    got = post(Order, body)
    assert isinstance(got, Order) or got.status in (400, 422)


def test_missing_body_is_none_or_its_default() -> None:
    assert ask(Json[User] | None, method="POST") is None
    assert ask(Json[User], method="POST", default=User("Ada", 1)) == User("Ada", 1)


def test_optional_body_that_is_there_has_to_fit() -> None:
    def status(body: bytes, headers: dict[str, str]) -> int:
        return ask(Json[User] | None, method="POST", headers=headers, body=body).status

    assert status(b"{}", {"content-type": "text/plain"}) == 415
    assert status(b"{", JSON) == 400
    assert status(b"{}", JSON) == 422


def test_type_that_nothing_converts_to_is_refused() -> None:
    assert "of type Opaque" in refusal(Json[Opaque])
    assert "with Opaque in it" in refusal(Json[list[Opaque]])
    assert "must be tagged" in refusal(Json[User | Order])
