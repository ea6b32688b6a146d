"""Say by brute force which of several paths, as registered, answers a request path: all are tried.

Shares nothing with what it checks: paths become regular expressions, and priority is a sort key.
"""

import re
from collections.abc import Iterable

TOKEN = re.compile(r"(\{\{|\}\}|\{\*?\w+\})")


def tokens(segment: str) -> list[str]:
    return [token for token in TOKEN.split(segment) if token]


def is_capture(token: str) -> bool:
    return TOKEN.fullmatch(token) is not None and token not in ("{{", "}}")


def unescape(token: str) -> str:
    return token[0] if token in ("{{", "}}") else token


def expression(path: str) -> re.Pattern[str]:
    """Return what matches the request paths that `path` does, with a group for each capture."""
    source = ""
    for token in tokens(path):
        if is_capture(token):
            source += "(.+)" if token[1] == "*" else "([^/]+)"
        else:
            source += re.escape(unescape(token))
    return re.compile(source, re.DOTALL)


def priority(path: str) -> list[tuple[int, int, int]]:
    """Return what sorts first for the path that answers, of those that match."""
    ranks = []
    for segment in path[1:].split("/"):
        parts = tokens(segment)
        place = next((place for place, token in enumerate(parts) if is_capture(token)), None)
        if place is None:
            ranks.append((0, 0, 0))
        elif parts[place][1] == "*":
            ranks.append((2, 0, 0))
        else:
            prefix, suffix = (
                len("".join(map(unescape, static))) for static in (parts[:place], parts[place + 1 :])
            )
            ranks.append((1, -prefix, -suffix))
    return ranks


def nameless(path: str) -> str:
    """Return the path without the names of its captures: two that are equal match the same requests."""
    return "".join(re.sub(r"\w+", "", token) if is_capture(token) else token for token in tokens(path))


def find(paths: Iterable[str], asked: str) -> tuple[str, list[str]] | None:
    """Return the path that answers, and the texts it captures; None where none matches."""
    matching = [(path, match) for path in paths if (match := expression(path).fullmatch(asked))]
    if not matching:
        return None
    path, match = min(matching, key=lambda found: priority(found[0]))
    return path, list(match.groups())
