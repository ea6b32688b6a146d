"""Byte ranges of requests (RFC 9110 section 14): which part is asked for. Knows text and a size."""

import re
from typing import NamedTuple

# One int-range or suffix-range. More digits than any file has are left to be no range.
RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})", re.ASCII | re.IGNORECASE)


class ByteRange(NamedTuple):
    """Part of a body of `size` bytes: those from `start` up to, and not with, `end`."""

    start: int
    end: int
    size: int

    @property
    def content_range(self) -> str:
        """What Content-Range says of it."""
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


class UnsatisfiableRangeError(ValueError):
    """None of the bytes asked for are there: 416."""


def parse_range(field: str | None, size: int) -> ByteRange | None:
    """Return the one range that a Range field asks of size bytes; None where it is to be ignored.

    A field that is malformed, of another unit, or of several ranges may be ignored (section 14.2): then the
    whole is answered. Raises UnsatisfiableRangeError for a range that begins behind the end.
    """
    found = RANGE.fullmatch(field) if field is not None else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        start, end = size - length, size
    else:
        start = int(found[1])
        last = int(found[2]) if found[2] else size
        if last < start:
            return None
        end = min(last + 1, size)
    if start >= size:
        raise UnsatisfiableRangeError(f"bytes from {start} on are asked for, of {size}")
    return ByteRange(start, end, size)
