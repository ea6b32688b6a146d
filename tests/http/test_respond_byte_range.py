"""Byte ranges: which part of how many bytes a field asks for."""

import pytest

from fastloop_http.respond.byte_range import UnsatisfiableRangeError, parse_range


@pytest.mark.parametrize(
    ("field", "size", "part"),
    [
        ("bytes=0-0", 10, (0, 1)),
        ("bytes=0-9", 10, (0, 10)),
        ("bytes=2-5", 10, (2, 6)),
        ("bytes=2-", 10, (2, 10)),
        ("bytes=9-", 10, (9, 10)),
        ("bytes=0-99", 10, (0, 10)),
        ("bytes=-1", 10, (9, 10)),
        ("bytes=-10", 10, (0, 10)),
        ("bytes=-99", 10, (0, 10)),
        ("BYTES=2-5", 10, (2, 6)),
        ("bytes=0-9999999999999999999", 10, (0, 10)),
    ],
)
def test_part_is_found(field: str, size: int, part: tuple[int, int]) -> None:
    found = parse_range(field, size)
    assert found is not None
    assert found == (*part, size)
    assert found.content_range == f"bytes {part[0]}-{part[1] - 1}/{size}"


@pytest.mark.parametrize(
    "field",
    [
        None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=0-1,3-4", "bytes=0-1,",
        "items=0-1", "bytes=0 - 1", "bytes=+0-1", "bytes=0x0-1", "bytes=\u0660-\u0661", "bytes=0-1\n",
        "bytes=0-99999999999999999999", "bytes=--1",
    ],
)  # fmt: skip
def test_field_that_is_no_single_range_is_ignored(field: str | None) -> None:
    assert parse_range(field, 10) is None


@pytest.mark.parametrize(
    ("field", "size"),
    [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)],
)
def test_range_behind_the_end_cannot_be_met(field: str, size: int) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(field, size)
