"""What a rejection says: JSON pointers, names, and how much of a peer's text."""

import pytest

from fastloop_http.errors import FieldError, JsonRejection, QueryRejection
from fastloop_http.extract.failures import Failure, Place
from fastloop_http.extract.rejected import pointer, rejected


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((), "#"),
        (("user", "age"), "#/user/age"),
        ((0, "a/b", "m~n"), "#/0/a~1b/m~0n"),
        (("c%d", 'k"l', " ", "ä"), "#/c%25d/k%22l/%20/%C3%A4"),
        (("",), "#/"),
        (("x" * 100,), f"#/{'x' * 77}..."),
    ],
)
def test_pointer_is_a_uri_fragment(place: Place, expected: str) -> None:
    assert pointer(place) == expected


def test_all_failures_are_listed() -> None:
    found = [Failure(("a", 0), "Expected `int`, got `str`"), Failure((), "Missing")]
    rejection = rejected(JsonRejection, "JSON body", "pointer", found, status=422)
    assert rejection.status == 422
    assert rejection.detail == "JSON body #/a/0: Expected `int`, got `str` (and 1 more)"
    assert rejection.errors == (
        FieldError("pointer", "#/a/0", "Expected `int`, got `str`"),
        FieldError("pointer", "#", "Missing"),
    )


def test_texts_are_not_called_strings() -> None:
    found = [Failure(("a",), "Expected `int`, got `str`")]
    rejection = rejected(QueryRejection, "query parameter", "parameter", found)
    assert rejection.status == 400
    assert rejection.errors == (FieldError("parameter", "a", "Expected `int`"),)
