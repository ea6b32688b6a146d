"""Set-Cookie lines (RFC 6265 section 4.1, and what RFC 6265bis adds). Knows text only.

What a browser would silently not keep is an error here.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal, TypeAlias

SameSite: TypeAlias = Literal["strict", "lax", "none"]

NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
# cookie-octet: no control characters, space, DQUOTE, comma, semicolon or backslash.
VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*", re.ASCII)
PATH = re.compile(r"/[\x20-\x3a\x3c-\x7e]*(?<! )", re.ASCII)
DOMAIN = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.\-]*[A-Za-z0-9])?", re.ASCII)

# Browsers drop what is larger (RFC 6265bis section 5.6).
MAX_BYTES = 4096
MAX_ATTRIBUTE_BYTES = 1024


def cookie_line(
    name: str,
    value: str,
    *,
    max_age: int | timedelta | None,
    expires: datetime | None,
    path: str | None,
    domain: str | None,
    secure: bool,
    http_only: bool,
    same_site: SameSite | None,
    partitioned: bool,
) -> str:
    """Return the value of a Set-Cookie field; TypeError or ValueError for what is no cookie."""
    check_name(name)
    if not isinstance(value, str):
        raise TypeError(f"cookie {name}: its value must be str, not {value!r}")
    if not VALUE.fullmatch(value):
        raise ValueError(
            f"cookie {name}: value {value[:80]!r} has a character that a cookie cannot have "
            f"(RFC 6265 section 4.1.1); encode it with urllib.parse.quote()"
        )
    if len(name) + len(value) > MAX_BYTES:
        raise ValueError(
            f"cookie {name} is too large: {len(name) + len(value)} bytes, limit {MAX_BYTES} in browsers; "
            f"keep what is in it on the server"
        )
    check_attributes(name, path, domain, secure, same_site, partitioned)
    parts = [f"{name}={value}"]
    if max_age is not None:
        parts.append(f"Max-Age={seconds_of(name, max_age)}")
    if expires is not None:
        parts.append(f"Expires={date_of(name, expires)}")
    if path is not None:
        parts.append(f"Path={path}")
    if domain is not None:
        parts.append(f"Domain={domain}")
    if secure:
        parts.append("Secure")
    if http_only:
        parts.append("HttpOnly")
    if same_site is not None:
        parts.append(f"SameSite={same_site.capitalize()}")
    if partitioned:
        parts.append("Partitioned")
    return "; ".join(parts)


def removal_line(
    name: str, *, path: str | None, domain: str | None, secure: bool, partitioned: bool
) -> str:
    """Return the value of a Set-Cookie field that has a browser forget the cookie."""
    return cookie_line(
        name,
        "",
        max_age=0,
        expires=datetime.fromtimestamp(0, UTC),
        path=path,
        domain=domain,
        secure=secure,
        http_only=False,
        same_site=None,
        partitioned=partitioned,
    )


def check_name(name: str) -> None:
    """Raise TypeError or ValueError unless name is a token."""
    if not isinstance(name, str):
        raise TypeError(f"a cookie's name must be str, not {name!r}")
    if not NAME.fullmatch(name):
        raise ValueError(f"cookie name {name[:80]!r} is not a token (RFC 9110 section 5.6.2)")


def check_attributes(
    name: str,
    path: str | None,
    domain: str | None,
    secure: bool,
    same_site: SameSite | None,
    partitioned: bool,
) -> None:
    """Raise ValueError for attributes of the cookie `name` that are malformed or contradict each other."""
    if path is not None and (not PATH.fullmatch(path) or len(path) > MAX_ATTRIBUTE_BYTES):
        raise ValueError(f"cookie {name}: path {path[:80]!r} must begin with '/' and have no ';'")
    if domain is not None and (not DOMAIN.fullmatch(domain) or len(domain) > MAX_ATTRIBUTE_BYTES):
        raise ValueError(f"cookie {name}: domain {domain[:80]!r} is no host name")
    if same_site not in (None, "strict", "lax", "none"):
        raise ValueError(
            f"cookie {name}: same_site must be 'strict', 'lax', 'none' or None, not {same_site!r}"
        )
    if same_site == "none" and not secure:
        raise ValueError(f"cookie {name}: browsers keep one with same_site='none' only if it is secure")
    if partitioned and not secure:
        raise ValueError(f"cookie {name}: browsers keep a partitioned one only if it is secure")
    prefix = name.lower()
    if prefix.startswith(("__secure-", "__host-")) and not secure:
        raise ValueError(f"cookie {name}: browsers keep one of this prefix only if it is secure")
    if prefix.startswith("__host-") and (path != "/" or domain is not None):
        raise ValueError(f"cookie {name}: browsers keep one of this prefix only with path '/' and no domain")


def seconds_of(name: str, max_age: int | timedelta) -> int:
    """Return max_age in whole seconds."""
    if isinstance(max_age, timedelta):
        max_age = int(max_age.total_seconds())
    if isinstance(max_age, bool) or not isinstance(max_age, int) or max_age < 0:
        raise ValueError(f"cookie {name}: max_age must be seconds from 0, or a timedelta, not {max_age!r}")
    return max_age


def date_of(name: str, expires: datetime) -> str:
    """Return expires as an HTTP date (RFC 9110 section 5.6.7)."""
    if not isinstance(expires, datetime) or expires.tzinfo is None:
        raise ValueError(f"cookie {name}: expires must be a datetime with its time zone, not {expires!r}")
    return format_datetime(expires.astimezone(UTC), usegmt=True)
