"""Checks of the options of layers: each says the option, its value and what it may be."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
# Visible characters, and between them blanks (RFC 9110 section 5.5).
VALUE = re.compile(r"[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?|")


def check_number(option: str, value: object) -> None:
    """Raise ValueError unless value is a number above 0 and below 1e9."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        raise ValueError(f"{option} must be a number above 0 and below 1e9, not {value!r}")


def check_int(option: str, value: object, least: int, most: int = 2**31 - 1) -> None:
    """Raise ValueError unless value is an int from least to most."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{option} must be an int from {least} to {most}, not {value!r}")


def check_flag(option: str, value: object) -> None:
    """Raise TypeError unless value is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{option} must be True or False, not {value!r}")


def check_callable(option: str, value: object) -> None:
    """Raise TypeError unless value can be called."""
    if not callable(value):
        raise TypeError(f"{option} must be callable, not {value!r}")


def check_header_name(option: str, value: object) -> None:
    """Raise ValueError unless value is the name of a header field."""
    if not isinstance(value, str) or not TOKEN.fullmatch(value):
        raise ValueError(f"{option} must be the name of a header (RFC 9110 section 5.1), not {value!r}")


def check_header_value(option: str, value: object) -> None:
    """Raise ValueError unless value is the value of a header field."""
    if not isinstance(value, str) or not VALUE.fullmatch(value):
        raise ValueError(
            f"{option} must be the value of a header: str of latin-1, without control characters and white "
            f"space around it, not {value!r}"
        )


def listed(option: str, values: Iterable[str]) -> list[str]:
    """Return values as a list; TypeError for a single str, whose characters would be taken for them."""
    texts = [] if isinstance(values, str) else list(values)
    if isinstance(values, str) or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{option} must be several str, as in ('a', 'b'), not {values!r}")
    return texts


def check_origin(option: str, value: str) -> None:
    """Raise ValueError unless value is an origin as browsers write it: scheme, host, perhaps port."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    origin = f"{parts.scheme}://{parts.netloc}"
    if not parts.hostname or value != value.lower() or value != origin or "@" in value:
        raise ValueError(
            f"{option}: {value!r} is no origin; write 'https://example.com', in lower case, without a path"
        )
    if (parts.scheme, port) in (("http", 80), ("https", 443)) or value.endswith(":"):
        raise ValueError(f"{option}: browsers leave out the default port in {value!r}; so do that here")
