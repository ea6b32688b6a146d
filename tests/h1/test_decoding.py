"""The calls of the commonest extractors: what they do themselves, and what they leave to others."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastloop_http import Request
from fastloop_http._h1.decoding import int_call, json_call, json_check, query_call

LEFT: Any = "left to the fallback"
as_int = int_call(lambda text: LEFT)
by_name = query_call(msgspec.json.decode, lambda request: LEFT)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("7", 7),
        ("42", 42),
        ("-42", -42),
        ("9" * 18, 10**18 - 1),
        ("-" + "9" * 18, 1 - 10**18),
        # What msgspec may take otherwise, or refuse.
        ("9" * 19, LEFT),
        ("", LEFT),
        ("-", LEFT),
        ("-0", LEFT),
        ("007", LEFT),
        ("+1", LEFT),
        ("1_0", LEFT),
        (" 1", LEFT),
        ("1 ", LEFT),
        ("1.0", LEFT),
        ("--1", LEFT),
        ("\u0661", LEFT),
        ("1\u20ac", LEFT),
        ("\xb2", LEFT),
    ],
)
def test_int_that_is_plain_is_read(text: str, number: object) -> None:
    assert as_int(text) == number


@given(st.integers())
def test_int_is_read_as_it_is_written(number: int) -> None:
    assert as_int(str(number)) in (number, LEFT)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1&b=two&c=", {"a": "1", "b": "two", "c": ""}),
        ("a=1&a=2", {"a": "2"}),
        ("a", {"a": ""}),
        ("=x", {"": "x"}),
        ("&&a=1&&", {"a": "1"}),
        ("a==b=c", {"a": "=b=c"}),
        ("a={}[]:,'", {"a": "{}[]:,'"}),
        ("&".join(f"n{i}={i}" for i in range(23)), {f"n{i}": str(i) for i in range(23)}),
        ("&".join(f"n{i}={i}" for i in range(24)), LEFT),
        ("a=%31", LEFT),
        ("a=1+2", LEFT),
        ("%61=1", LEFT),
        ('a="', LEFT),
        ("a\\=1", LEFT),
    ],
)
def test_query_that_is_plain_becomes_json(query: str, found: object) -> None:
    assert by_name(Request.build("GET", f"/?{query}")) == found


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=60))
def test_query_becomes_what_it_is_decoded_to(query: str) -> None:
    request = Request.build("GET", f"/?{query}")
    found = by_name(request)
    assert found is LEFT or found == request.query_dict()


def test_what_the_decoder_refuses_is_left_to_the_fallback() -> None:
    call = query_call(msgspec.json.Decoder(dict[str, int]).decode, lambda request: {"it": request.query})
    assert call(Request.build("GET", "/?a=x")) == {"it": "a=x"}
    told: list[object] = []

    def tell(error: Exception, body: bytes) -> int:
        told.append((type(error), body))
        return 0

    decode = json_call(msgspec.json.Decoder(int).decode, tell)
    assert [decode(b"1"), decode(b"x")] == [1, 0]
    assert told == [(msgspec.DecodeError, b"x")]


def test_check_is_of_the_content_type() -> None:
    refused: list[Request] = []
    check = json_check(refused.append)
    right = Request.build("POST", "/", {"content-type": "application/json; charset=utf-8"})
    wrong = Request.build("POST", "/", {"content-type": "text/json"})
    none = Request.build("POST", "/")
    for request in (right, wrong, none):
        check(request)
    assert refused == [wrong, none]
