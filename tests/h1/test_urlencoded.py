"""application/x-www-form-urlencoded, against the standard library's reading, and where ours is stricter."""

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastloop_http._h1.standalone import build_request
from fastloop_http._h1.urlencoded import FormError, parse_dict, parse_pairs

PAIRS = [
    # data, what it stands for
    ("", []),
    ("a", [("a", "")]),
    ("a=", [("a", "")]),
    ("=", [("", "")]),
    ("=b", [("", "b")]),
    ("a=b", [("a", "b")]),
    ("a=b=c", [("a", "b=c")]),
    ("a==", [("a", "=")]),
    ("&", []),
    ("&&a=b&&c=d&", [("a", "b"), ("c", "d")]),
    ("a=1&a=2&b=3", [("a", "1"), ("a", "2"), ("b", "3")]),
    ("a+b=c+d", [("a b", "c d")]),
    ("%61=%2B%26%3d", [("a", "+&=")]),
    ("a%3Db=c", [("a=b", "c")]),
    ("n=%E2%82%AC", [("n", "\u20ac")]),
    ("n=%00", [("n", "\0")]),
    ("n=caf\u00e9", [("n", "caf\u00e9")]),
    ("a;b=c", [("a;b", "c")]),
    ("x=" + "y" * 5000, [("x", "y" * 5000)]),
    ("x=" + "+" * 5000, [("x", " " * 5000)]),
]


@pytest.mark.parametrize(("data", "pairs"), PAIRS, ids=[str(n) for n in range(len(PAIRS))])
def test_pairs_are_read_as_the_standard_says(data: str, pairs: list[tuple[str, str]]) -> None:
    assert parse_pairs(data) == parse_pairs(data.encode()) == pairs
    assert parse_dict(data) == dict(pairs)


MALFORMED = [
    # data, what is wrong, where
    ("%", "'%' without two hex digits", 0),
    ("a=%", "'%' without two hex digits", 2),
    ("a=%4", "'%' without two hex digits", 2),
    ("a=%4&1=2", "'%' without two hex digits", 2),
    ("a=%zz", "'%' without two hex digits", 2),
    ("a=%4g", "'%' without two hex digits", 2),
    ("a=1&b=%%41", "'%' without two hex digits", 6),
    ("a=%ff", "no UTF-8", 2),
    ("a=1&%e2%82=b", "no UTF-8", 4),
    (b"a=\xff", "no UTF-8", 2),
    ("a=%ed%a0%80", "no UTF-8", 2),
]


@pytest.mark.parametrize(("data", "wrong", "where"), MALFORMED)
@pytest.mark.parametrize("parse", [parse_pairs, parse_dict])
def test_malformed_data_is_refused_with_what_and_where(
    parse: Callable[[Any], object], data: str | bytes, wrong: str, where: int
) -> None:
    with pytest.raises(FormError, match=f"{wrong} at byte {where}"):
        parse(data)


@pytest.mark.parametrize("parse", [parse_pairs, parse_dict])
def test_pairs_are_limited(parse: Callable[[Any], list[object]]) -> None:
    assert parse(b"&".join(b"%d" % n for n in range(1000)) + b"&&&")
    with pytest.raises(FormError, match="more than 1000 pairs"):
        parse(b"a&" * 1001)


@pytest.mark.parametrize("data", [None, 1, bytearray(b"a"), ["a"]])
def test_data_is_bytes_or_str(data: Any) -> None:
    with pytest.raises(TypeError, match="form data must be bytes or str"):
        parse_pairs(data)


def test_last_value_wins_but_for_the_names_of_lists() -> None:
    data = "a=1&b=2&a=3&b=4&%61=5"
    assert parse_dict(data) == {"a": "5", "b": "4"}
    assert parse_dict(data, frozenset({"a", "c"})) == {"a": ["1", "3", "5"], "b": "4"}


# Properties.

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
ENCODED = st.text("abAB%&=+;09 %%&&==efEF\u00e9", max_size=40)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=20))
def test_what_has_been_encoded_is_decoded(pairs: list[tuple[str, str]]) -> None:
    # A pair of two empty texts is told from nothing by its "=".
    data = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    assert parse_pairs(data) == pairs


@given(ENCODED)
def test_what_is_accepted_is_what_the_standard_library_reads(data: str) -> None:
    try:
        pairs = parse_pairs(data)
    except FormError:
        return
    assert pairs == parse_qsl(data, keep_blank_values=True, errors="strict")


@given(ENCODED)
def test_what_is_refused_is_malformed(data: str) -> None:
    try:
        parse_pairs(data)
    except FormError as error:
        if "UTF-8" in str(error):
            with pytest.raises(UnicodeDecodeError):
                parse_qsl(data, keep_blank_values=True, errors="strict")
        else:
            digits = set("0123456789abcdefABCDEF")
            assert any(len(part) < 2 or not set(part[:2]) <= digits for part in data.split("%")[1:])


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        pairs = parse_pairs(data)
    except FormError:
        return
    assert parse_dict(data) == dict(pairs)
    names = frozenset(name for name, _ in pairs)
    assert parse_dict(data, names) == {
        name: [value for other, value in pairs if other == name] for name in names
    }


# Queries of requests.

@pytest.mark.parametrize(("data", "pairs"), PAIRS, ids=[str(n) for n in range(len(PAIRS))])
def test_query_of_a_request_is_read_alike(data: str, pairs: list[tuple[str, str]]) -> None:
    request = build_request("GET", f"/?{data.replace(' ', '+').replace(chr(0xe9), '%c3%a9')}")
    assert request.query_dict() == dict(pairs)
    for name in {name for name, _ in pairs}:
        assert request.query_value(name) == dict(pairs)[name]
        assert request.query_dict(frozenset({name}))[name] == [v for other, v in pairs if other == name]
    assert request.query_value("missing") is None


def test_request_without_a_query_has_no_values() -> None:
    request = build_request("GET", "/")
    assert request.query_dict() == {}
    assert request.query_value("") is None


def test_one_value_does_not_mind_other_pairs() -> None:
    request = build_request("GET", "/?%zz=1&%ff=2&%61=3&a=4&b=%zz")
    assert request.query_value("a") == "4"
    with pytest.raises(FormError):
        request.query_value("b")
    with pytest.raises(FormError):
        request.query_dict()


def test_names_beyond_ascii_are_found() -> None:
    request = build_request("GET", "/?caf%C3%A9=1&%E2%82%AC=2")
    assert (request.query_value("caf\u00e9"), request.query_value("\u20ac")) == ("1", "2")


def test_refusals_leave_nothing_behind() -> None:
    def refuse_all() -> None:
        for data, _, _ in MALFORMED:
            with pytest.raises(FormError):
                parse_dict(data, frozenset({"a"}))

    refuse_all()
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            refuse_all()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 10_000
    finally:
        tracemalloc.stop()
