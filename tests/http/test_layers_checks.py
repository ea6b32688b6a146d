"""Checks of the options of layers."""

import pytest

from fastloop_http.middleware.checks import check_header_value, check_origin, listed


@pytest.mark.parametrize("value", ["", "a", "a b", "a\tb", "ü", "\x80", "a" * 1000])
def test_value_of_a_header_is_let_through(value: str) -> None:
    check_header_value("value", value)


@pytest.mark.parametrize("value", [" ", " a", "a\t", "a\x00b", "a\x7f", "a\n", "\r", "\u0100", None])
def test_what_no_header_can_have_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="value must be the value of a header"):
        check_header_value("value", value)


@pytest.mark.parametrize(
    "origin", ["https://a.example", "http://a.example:8080", "http://[::1]:3000", "https://xn--bcher-kva.example",
               "http://localhost", "chrome-extension://abc"]
)  # fmt: skip
def test_origin_as_browsers_write_it_is_let_through(origin: str) -> None:
    check_origin("origins", origin)


def test_several_of_any_kind_are_listed() -> None:
    assert listed("names", (name for name in "ab")) == ["a", "b"]
    assert listed("names", {"a"}) == ["a"]
    with pytest.raises(TypeError, match="names must be several str"):
        listed("names", ["a", 7])  # type: ignore[list-item]
