"""Form: fields of a body, of GET and HEAD those of the query, and axum's statuses for the rest."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from asked import FORM, Refused, ask

from fastloop_http.extract import Form


@dataclass
class Order:
    count: int
    tags: list[str] = field(default_factory=list)


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        (Order, b"count=3", Order(3)),
        (Order, b"count=3&tags=a+b&tags=%C3%A4", Order(3, ["a b", "ä"])),
        (dict[str, str], b"a=1&b=", {"a": "1", "b": ""}),
        (int, b"x=3", 3),
        (list[int], b"x=3&x=4", [3, 4]),
        (str, b"x=1&x=2", "2"),
    ],
)
def test_fields_are_converted_to_the_type(kind: Any, body: bytes, value: object) -> None:
    assert ask(Form[kind], method="POST", headers=FORM, body=body) == value
    assert ask(Form[kind], f"/?{body.decode()}") == value
    assert ask(Form[kind], f"/?{body.decode()}", method="HEAD") == value


@pytest.mark.parametrize(
    ("kind", "body", "errors"),
    [
        (Order, b"", [("count", "Missing")]),
        (Order, b"count=a&tags=1", [("count", "Expected `int`")]),
        (int, b"y=1", [("x", "Missing")]),
        (int, b"x=a", [("x", "Expected `int`")]),
    ],
)
def test_fields_that_do_not_fit_are_refused(kind: Any, body: bytes, errors: list[tuple[str, str]]) -> None:
    assert ask(Form[kind], method="POST", headers=FORM, body=body) == Refused(422, errors)
    assert ask(Form[kind], f"/?{body.decode()}") == Refused(400, errors)


def test_malformed_form_is_refused() -> None:
    assert ask(Form[Order], method="POST", headers=FORM, body=b"count=%FF") == Refused(400, [])
    assert ask(Form[Order], "/?count=%FF") == Refused(400, [])


@pytest.mark.parametrize("content_type", [None, "text/plain", "multipart/form-data"])
def test_body_that_is_no_form_is_refused(content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    assert ask(Form[Order], method="POST", headers=headers, body=b"count=1") == Refused(415, [])


def test_content_type_may_have_parameters() -> None:
    headers = {"content-type": "Application/X-WWW-Form-Urlencoded; charset=utf-8"}
    assert ask(Form[int], method="POST", headers=headers, body=b"x=1") == 1


def test_missing_form_is_none_or_its_default() -> None:
    assert ask(Form[Order] | None, method="POST") is None
    assert ask(Form[Order], method="POST", default=Order(1)) == Order(1)
    assert ask(Form[Order] | None) is None
    assert ask(Form[int] | None, method="POST", headers=FORM, body=b"y=1") is None
    assert ask(Form[Order] | None, method="POST", headers={"content-type": "text/plain"}).status == 415
    assert ask(Form[Order] | None, method="POST", headers=FORM, body=b"count=a").status == 422
