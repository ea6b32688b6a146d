"""Conditional requests (RFC 9110 section 13): whether a client already has what it asks for.

Knows fields and validators, not files.
"""

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import NamedTuple

from fastloop_http._h1.request import Request

# entity-tag: W/ where it is weak, and then quoted (RFC 9110 section 8.8.3). Nothing is matched in two ways.
ENTITY_TAG = re.compile(r'[ \t]*+(?:((?:W/)?"[\x21\x23-\x7e\x80-\xff]*+")[ \t]*+)?(?:,|\Z)')


class Validators(NamedTuple):
    """What tells one state of a resource from another."""

    etag: str  # quoted; W/"..." where it is weak
    modified_s: int  # since the epoch


def failed_precondition(request: Request, validators: Validators) -> int | None:
    """Return 304 or 412 where that is the answer to request, None where it is to be handled.

    In the order of RFC 9110 section 13.2.2. A date that is none is passed over.
    """
    headers = request.headers
    reading = request.method in ("GET", "HEAD")
    if matching := headers.getall("if-match"):
        if not is_listed(matching, validators.etag, weak=False):
            return 412
    elif unmodified := headers.get("if-unmodified-since"):
        since = seconds_of_date(unmodified)
        if since is not None and validators.modified_s > since:
            return 412
    if matching := headers.getall("if-none-match"):
        if is_listed(matching, validators.etag, weak=True):
            return 304 if reading else 412
    elif reading and (modified := headers.get("if-modified-since")):
        since = seconds_of_date(modified)
        if since is not None and validators.modified_s <= since:
            return 304
    return None


def range_holds(request: Request, validators: Validators) -> bool:
    """Say whether If-Range lets a Range apply: it is absent, or names this very state (section 13.1.5)."""
    condition = request.headers.get("if-range")
    if condition is None:
        return True
    if condition.startswith(('"', "W/")):
        return condition == validators.etag and not condition.startswith("W/")
    # A change in the same second would go unnoticed, were the date not past (section 8.8.2.2).
    now = int(datetime.now(UTC).timestamp())
    return seconds_of_date(condition) == validators.modified_s < now - 1


def is_listed(fields: list[str], etag: str, *, weak: bool) -> bool:
    """Say whether fields name etag, or any by "*"; weak: without regard to W/ (section 8.8.3.2)."""
    if any(field.strip() == "*" for field in fields):
        return True
    if not weak and etag.startswith("W/"):
        return False
    wanted = etag.removeprefix("W/")
    for field in fields:
        place = 0
        while place < len(field) and (found := ENTITY_TAG.match(field, place)):
            if found[1] and (found[1].removeprefix("W/") if weak else found[1]) == wanted:
                return True
            place = found.end()
    return False


def seconds_of_date(text: str) -> int | None:
    """Return an HTTP date as seconds since the epoch; None where text is none (section 5.6.7)."""
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:  # the form of asctime
            date = date.replace(tzinfo=UTC)
        return int(date.timestamp())
    except (ValueError, OverflowError):
        return None


def http_date(seconds: int) -> str:
    """Return seconds since the epoch as an HTTP date."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
