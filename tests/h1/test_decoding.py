"""The calls of the commonest extractors: what they do themselves, and what they leave to others."""

import gc
import weakref
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastloop_http import Request
from fastloop_http._h1.decoding import MOST_FIELDS, int_call, json_call, json_check, query_call, struct_call

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


class Page(msgspec.Struct):
    q: str
    number: int = 1
    all: bool = False
    by: str | None = None

    def __post_init__(self) -> None:
        if self.number > 1000:
            raise ValueError("there are a thousand pages")


FIELDS: list[tuple[str, type, bool, Any]] = [
    ("q", str, True, msgspec.NODEFAULT), ("number", int, False, 1), ("all", bool, False, False),
    ("by", str, False, None),
]  # fmt: skip
as_page = struct_call(Page, FIELDS, lambda request: LEFT)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=a", Page("a")),
        ("q=", Page("")),
        ("q=rust&number=2&all=true&by=age", Page("rust", 2, True, "age")),
        ("by=age&all=false&number=-2&q=rust", Page("rust", -2, False, "age")),
        ("q=a&q=b", Page("b")),
        ("q=a&other=1&&number=3&", Page("a", 3)),
        ("q=a%20b+c%26&by=%E2%82%AC", Page("a b c&", by="\u20ac")),
        ("q=%61&number=2", Page("a", 2)),
        ("q=a&by=null", Page("a", by="null")),
        ("q=a&" + "&".join(f"n{i}={i}" for i in range(23)), Page("a")),
        # Missing, of another type, not plain, malformed, refused by the struct itself, too many.
        ("", LEFT),
        ("number=1", LEFT),
        ("q=a&number=", LEFT),
        ("q=a&number=x", LEFT),
        ("q=a&number=007", LEFT),
        ("q=a&number=%31", LEFT),
        ("q=a&all=True", LEFT),
        ("q=a&all=1", LEFT),
        ("q=a&all=", LEFT),
        ("%71=a", LEFT),
        ("q=%", LEFT),
        ("q=%FF", LEFT),
        ("q=%&q=a", LEFT),
        ("q=a&q=%62", LEFT),
        ("q=a&other=%", LEFT),
        ("q=a&%=1", LEFT),
        ("q=a&number=1001", LEFT),
        ("q=a&" + "&".join(f"n{i}={i}" for i in range(24)), LEFT),
    ],
)
def test_struct_of_plain_fields_is_made_of_the_query(query: str, found: object) -> None:
    assert as_page(Request.build("GET", f"/?{query}")) == found


VALUES = ["1", "-3", "2000", "true", "false", "null", "a", "", "+", "%31", "%C3%A9", "%C3", "%"]
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["q", "number", "all", "by", "x", "nu%6Dber", ""]),
        st.sampled_from(["=", "=", "=", ""]),
        st.sampled_from(VALUES),
    ),
    max_size=8,
).map(lambda pairs: "&".join(map("".join, pairs)))


@given(QUERIES)
def test_struct_is_what_the_decoded_query_converts_to(query: str) -> None:
    request = Request.build("GET", f"/?{query}")
    found = as_page(request)
    assert found is LEFT or found == msgspec.convert(request.query_dict(), Page, strict=False)


def test_struct_has_no_more_fields_than_there_is_room_for() -> None:
    names = [f"n{i}" for i in range(MOST_FIELDS + 1)]
    fields = [(name, int, True, msgspec.NODEFAULT) for name in names]
    most = msgspec.defstruct("Most", [(name, int) for name in names[:-1]])
    call = struct_call(most, fields[:-1], lambda request: LEFT)
    request = Request.build("GET", "/?" + "&".join(f"{name}=7" for name in names))
    assert call(request) == most(*[7] * MOST_FIELDS)
    with pytest.raises(ValueError, match="17 fields; there is room for 16"):
        struct_call(most, fields, lambda request: LEFT)


def test_struct_and_values_are_let_go_of() -> None:
    marks: list[weakref.ref[object]] = []

    class Marked(msgspec.Struct, weakref=True):
        q: str
        number: int

        def __post_init__(self) -> None:
            marks.append(weakref.ref(self))
            if self.number < 0:
                raise ValueError("below 0")

    call = struct_call(
        Marked,
        [("q", str, True, msgspec.NODEFAULT), ("number", int, True, msgspec.NODEFAULT)],
        lambda request: LEFT,
    )
    for query in ("q=abc&number=1", "q=abc&number=-1", "q=abc&number=x"):
        call(Request.build("GET", f"/?{query}"))
    gc.collect()
    assert [mark() for mark in marks] == [None, None]


def test_check_is_of_the_content_type() -> None:
    refused: list[Request] = []
    check = json_check(refused.append)
    right = Request.build("POST", "/", {"content-type": "application/json; charset=utf-8"})
    wrong = Request.build("POST", "/", {"content-type": "text/json"})
    none = Request.build("POST", "/")
    for request in (right, wrong, none):
        check(request)
    assert refused == [wrong, none]
