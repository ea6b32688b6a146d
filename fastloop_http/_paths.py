"""Parse paths as routes are registered with them, in the grammar of axum and matchit.

Knows text: neither requests nor handlers, and not which of several paths answers.
"""

import re
from keyword import iskeyword
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from fastloop_http._h1.routes import MAX_CAPTURES

Segment: TypeAlias = str | tuple[str, str] | None

# Escaped braces, a capture, static text; and what is left of braces, one at a time.
TOKEN = re.compile(r"\{\{|\}\}|\{(?P<capture>[^{}]*)\}|[^{}]+|(?P<stray>[{}])")

HEX = frozenset("0123456789abcdefABCDEF")


class PathPattern(NamedTuple):
    """A path as registered, parsed: what `PathTree` takes, and what a handler's parameters are named after.

    path: as registered. captures: the names, in order.
    segments: a str for static text, unescaped; (prefix, suffix) around a capture; None for a catch-all. Paths
    of equal segments match the same requests: unless they are the same text, they conflict.
    """

    path: str
    segments: tuple[Segment, ...]
    captures: tuple[str, ...]

    @property
    def static(self) -> str | None:
        """The one request path that it matches, still percent-encoded; None where there are captures."""
        static = [segment for segment in self.segments if isinstance(segment, str)]
        return None if self.captures else "/" + "/".join(static)


def parse_path(path: str) -> PathPattern:
    """Parse a path as registered.

    | Segment | Matches |
    | --- | --- |
    | `users` | itself, percent-encoded as it is in a request; `{{` and `}}` stand for braces |
    | `{name}` | any segment that is not empty |
    | `{name}.json`, `v{major}`, `pre{name}suf` | one with this around what it captures, which is not empty |
    | `{*rest}` | as the last segment: all that follows, with its slashes, unless that is nothing |

    Names are Python identifiers, each once in a path. Raises ValueError, naming the path, what is wrong with
    it and what to write instead.
    """
    if not path.startswith("/"):
        raise ValueError(f"path {path!r} must begin with '/'")
    segments: list[Segment] = []
    captures: list[str] = []
    for text in path[1:].split("/"):
        if segments and segments[-1] is None:
            raise ValueError(
                f"path {path!r}: catch-all {{*{captures[-1]}}} is not the last segment; end the path with "
                f"it, or capture one segment: {{{captures[-1]}}}"
            )
        segment, capture = _parse_segment(path, text)
        segments.append(segment)
        if capture is None:
            continue
        if capture in captures:
            raise ValueError(f"path {path!r} captures {{{capture}}} twice; give each capture its own name")
        if len(captures) == MAX_CAPTURES:
            raise ValueError(f"path {path!r} has more than {MAX_CAPTURES} captures; take them from the query")
        captures.append(capture)
    return PathPattern(path, tuple(segments), tuple(captures))


def join(prefix: str, path: str) -> str:
    """Return where `path` of a nested router is found below `prefix`.

    As in axum 0.8, a nested "/" is the prefix itself, and only that: below "/api" it answers "/api" and not
    "/api/"; below "/api/" it is the other way round. Any other path follows the prefix, with one "/" between.
    The whole is not parsed: it may still have a name twice, or too many captures.

    Raises ValueError for a prefix that is "" or "/", has a catch-all, or cannot be parsed.
    """
    if prefix in ("", "/"):
        raise ValueError(f"cannot nest at {prefix!r}, which adds nothing to paths; use merge instead")
    if None in parse_path(prefix).segments:
        raise ValueError(f"cannot nest at {prefix!r}: nothing follows a catch-all; capture one segment")
    if prefix.endswith("/"):
        return prefix + path.lstrip("/")
    return prefix if path == "/" else prefix + path


def decode(text: str) -> str | None:
    """Return the text that percent-encoded text, decoded as latin-1, stands for; None if that is not UTF-8.

    A "%" without two hex digits is malformed (RFC 3986 section 2.1), not a literal.
    """
    for escape in text.split("%")[1:]:
        if len(escape) < 2 or escape[0] not in HEX or escape[1] not in HEX:
            return None
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    except UnicodeError:
        return None


def _parse_segment(path: str, text: str) -> tuple[Segment, str | None]:
    """Return the segment, and the name that it captures, if any."""
    name = None
    static = [""]  # before the capture, and behind it
    for token in TOKEN.finditer(text):
        if token["stray"]:
            brace = token[0]
            raise ValueError(
                f"path {path!r}: {brace!r} in segment {text!r} belongs to no capture; a capture is {{name}}, "
                f"and {brace * 2!r} stands for the brace"
            )
        if token["capture"] is None:
            _check_static(path, token[0])
            static[-1] += token[0][0] if token[0] in ("{{", "}}") else token[0]
            continue
        if name is not None:
            raise ValueError(
                f"path {path!r}: segment {text!r} has two captures, and nothing tells where one ends; "
                f"capture it whole and split it in the handler"
            )
        name = token["capture"]
        static.append("")
    if name is None:
        return static[0], None
    identifier = name.removeprefix("*")
    if not identifier.isidentifier() or iskeyword(identifier):
        raise ValueError(
            f"path {path!r}: {identifier!r} cannot name a handler's parameter; a capture is {{name}}, of a "
            f"Python identifier, and what is captured has its type from the handler"
        )
    if identifier == name:
        return (static[0], static[1]), name
    if static != ["", ""]:
        raise ValueError(
            f"path {path!r}: catch-all {{{name}}} is only a part of segment {text!r}; make it the last "
            f"segment, or capture up to the next '/': {{{identifier}}}"
        )
    return None, identifier


def _check_static(path: str, text: str) -> None:
    for character in text:
        if not "!" <= character <= "~" or character in "?#":
            escaped = "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
            raise ValueError(
                f"path {path!r} can never match: {character!r} does not occur in a request path; "
                f"write it {escaped}"
            )
