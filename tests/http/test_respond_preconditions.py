"""Preconditions: entity-tags in lists, and dates. What they decide is in test_respond_file.py."""

import pytest

from fastloop_http.respond.preconditions import http_date, is_listed, seconds_of_date

ETAG = '"a,b"'


@pytest.mark.parametrize(
    ("fields", "weak", "strong"),
    [
        ([], False, False),
        ([""], False, False),
        (['"a,b"'], True, True),
        (['W/"a,b"'], True, False),
        (['"x", "a,b"'], True, True),
        (['"x"', '"a,b"'], True, True),
        ([' \t"x" ,\t"a,b"\t'], True, True),
        ([',,,"a,b",'], True, True),
        (["*"], True, True),
        ([" * "], True, True),
        (['"*"'], False, False),
        (['w/"a,b"'], False, False),
        (['"a', 'b"'], False, False),
        (['x"a,b"'], False, False),
        (['"a,b"x'], False, False),
        (['"x" "a,b"'], False, False),
        (['"\xfc", "a,b"'], True, True),
    ],
)
def test_tag_is_found_among_others(fields: list[str], weak: bool, strong: bool) -> None:
    assert is_listed(fields, ETAG, weak=True) is weak
    assert is_listed(fields, ETAG, weak=False) is strong
    assert is_listed(fields, f"W/{ETAG}", weak=True) is weak


def test_weak_tag_is_the_same_as_none_where_it_has_to_be_strong() -> None:
    assert not is_listed(['W/"a"'], 'W/"a"', weak=False)


@pytest.mark.parametrize("field", [" " * 2**20 + "x", '"' * 2**20, "," * 2**20, '"a"' + " " * 2**20 + "x"])
def test_list_of_any_content_is_read_in_one_pass(field: str) -> None:
    # In quadratic time it would not end.
    assert not is_listed([field], ETAG, weak=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
        ("Sun Nov  6 08:49:37 1994", 784111777),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("", None),
        ("0", None),
        ("Sun, 06 Nov 1994", None),
        ("Sun, 32 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 25:49:37 GMT", None),
        ("Sun, 06 Nov 999999999999 08:49:37 GMT", None),
        ("1994-11-06T08:49:37Z", None),
        ("x" * 16384, None),
    ],
)
def test_date_is_read_in_each_of_its_forms(text: str, seconds: int | None) -> None:
    assert seconds_of_date(text) == seconds


def test_date_is_written_as_it_is_read() -> None:
    assert http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"
