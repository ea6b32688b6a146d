"""The vectors of smugglers and of the RFCs: what we make of them, and where httptools and h11 differ from us.

What may be refused and is used to smuggle is refused, without exception, and what is valid is served.
"""

from collections.abc import Mapping

import pytest
from oracles.compare import expected_body, expected_head, parsed_body, parsed_head, read
from oracles.http1 import BodyLimits, Limits
from oracles.peers import INCOMPLETE, REFUSED, Reading, read_with_h11, read_with_httptools
from oracles.vectors import REFUSED_BODIES, REFUSED_HEADS, VALID_BODIES, VALID_HEADS

from fastloop_http._h1.parser import HeadParser

Vectors = Mapping[str, Mapping[str, bytes]]


def flat(*tables: Vectors) -> list[pytest.param]:
    return [
        pytest.param(section, name, data, id=f"{section.removeprefix('RFC ')}: {name}")
        for table in tables for section, vectors in table.items() for name, data in vectors.items()]


ALL = flat(REFUSED_HEADS, REFUSED_BODIES, VALID_HEADS, VALID_BODIES)


def cuts(data: bytes) -> list[list[bytes]]:
    """The data whole, in single bytes, and cut in two at each of its first 300 bytes."""
    two = [[data[:at], data[at:]] for at in range(1, min(len(data), 300))]
    return [[data], [data[at:at + 1] for at in range(len(data))] or [data], *two]


@pytest.mark.parametrize(("section", "name", "data"), flat(REFUSED_HEADS))
def test_no_smuggled_head_is_served(section, name, data):
    assert expected_head(data, Limits())[0] == "refused"
    for pieces in cuts(data):
        assert parsed_head(pieces, Limits())[-1] == expected_head(data, Limits())


@pytest.mark.parametrize(("section", "name", "data"), flat(VALID_HEADS))
def test_every_valid_head_is_served(section, name, data):
    assert expected_head(data, Limits())[0] == "request"
    for pieces in cuts(data):
        assert parsed_head(pieces, Limits())[-1] == expected_head(data, Limits())


def body_of(data: bytes) -> tuple[bytes, int | None]:
    """The bytes after the head, and their length if that is what frames them."""
    head = HeadParser()
    assert head.feed(data)
    return data[head.size:], None if head.chunked else head.content_length or 0


@pytest.mark.parametrize(("section", "name", "data"), flat(REFUSED_BODIES))
def test_no_smuggled_body_is_served(section, name, data):
    body, length = body_of(data)
    expected = expected_body(body, length, BodyLimits())
    assert expected[0] == "refused"
    for pieces in cuts(body):
        assert parsed_body(pieces, length, BodyLimits())[-1] == expected


@pytest.mark.parametrize(("section", "name", "data"), flat(VALID_BODIES))
def test_every_valid_body_is_served(section, name, data):
    body, length = body_of(data)
    expected = expected_body(body, length, BodyLimits())
    assert expected[0] == "body"
    for pieces in cuts(body):
        assert parsed_body(pieces, length, BodyLimits())[-1] == expected


# By the section that says how the vectors are to be read: why our verdict is right, and on which of them what
# (httptools, h11) do instead: serve what we refuse, refuse what we serve, wait for what cannot come right, or
# differ in what they read.
AGREES, SERVES, DIFFERS = "agrees", "serves", "differs"
DISAGREEMENTS = {
    "RFC 9112 section 2.2": (
        "One who ends lines at LF or CR alone sees other lines than one who does not. A server should "
        "skip an empty line before a request.", {
            (AGREES, SERVES): (
                "LF ends the request line", "LF ends a field", "LF ends every line", "LF ends the head"),
            (AGREES, INCOMPLETE): (
                "LF begins a field", "CR at the head's end", "CR ends the head"),
            (SERVES, AGREES): (
                "LF comes first", "CR comes first"),
            (AGREES, REFUSED): (
                "empty line first",),
        }),
    "RFC 9112 section 2.3": (
        "HTTP-version is four fixed bytes, a digit, a point, a digit; we speak 1.0 and 1.1.", {
            (SERVES, AGREES): (
                "no version",),
            (AGREES, SERVES): (
                "version 1.2",),
            (SERVES, SERVES): (
                "version 0.9", "version 2.0"),
        }),
    "RFC 9112 section 3": (
        "Single spaces part the request line; whitespace let through here has split requests. Any token "
        "is a method.", {
            (SERVES, AGREES): (
                "two spaces before the target", "two spaces before the version"),
            (REFUSED, AGREES): (
                "method of every tchar", "unregistered method"),
        }),
    "RFC 9112 section 3.2": (
        "A target has no fragment, and is in one of four forms. Host is to be sent once and to be "
        "valid: 400 otherwise, says the section.", {
            (SERVES, SERVES): (
                "fragment", "fragment in a query", "SP in Host", "HTAB in Host", "list in Host",
                "path in Host", "query in Host", "fragment in Host", "user in Host", "password in Host",
                "backslash in Host", "word as port in Host", "signed port in Host", "two ports in Host",
                "no such port in Host", "port alone in Host", "open bracket in Host",
                "no address in Host", "scheme in Host", "Host above ASCII", "bad escape in Host"),
            (AGREES, SERVES): (
                "relative target",),
            (SERVES, AGREES): (
                "no Host", "two Host", "two equal Host", "two Host in HTTP/1.0"),
        }),
    "RFC 9112 section 3.2.2": (
        "absolute-form is an absolute-URI; RFC 9110 sections 4.2.1 and 4.2.4 refuse an empty host and "
        "userinfo.", {
            (SERVES, SERVES): (
                "absolute form without a host", "absolute form with a port alone",
                "absolute form with a user", "absolute form with a bad port",
                "absolute form of another scheme", "absolute form with a broken Host"),
            (AGREES, SERVES): (
                "absolute form with a backslash", "absolute form with one slash"),
            (SERVES, AGREES): (
                "absolute form without Host",),
        }),
    "RFC 9112 section 3.2.3": (
        'authority-form is uri-host ":" port, for CONNECT alone, and CONNECT has no other.', {
            (SERVES, SERVES): (
                "CONNECT with a path", "CONNECT without a port", "CONNECT with an empty port",
                "CONNECT in absolute form", "CONNECT with a user"),
            (AGREES, SERVES): (
                "authority form with GET",),
        }),
    "RFC 9112 section 3.2.4": (
        "asterisk-form is one byte, for OPTIONS alone.", {
            (SERVES, SERVES): (
                "asterisk with GET", "asterisk and more"),
        }),
    "RFC 9112 section 5.2": (
        "A server must refuse obs-fold or replace it, and what one unfolds another has read as two "
        "fields.", {
            (AGREES, SERVES): (
                "folded value", "folded by HTAB", "folded coding", "coding folded at LF", "folded length",
                "folded to a field", "folded to nothing"),
        }),
    "RFC 9110 section 5.5": (
        "CR, LF and NUL are dangerous, says the section, and other controls invalid; they end up in "
        "logs.", {
            (AGREES, SERVES): (
                "control in a value", "DEL in a value", "ESC in a value"),
        }),
    "RFC 9112 section 6.1": (
        "An unknown coding deserves 501; a coding in HTTP/1.0 and one beside a length are the classic "
        "ways to smuggle.", {
            (SERVES, AGREES): (
                "identity, chunked", "gzip, chunked", "identity then chunked in two lines",
                "cow then chunked in two lines", "comma before chunked"),
            (SERVES, SERVES): (
                "coding in HTTP/1.0",),
            (AGREES, SERVES): (
                "length then coding", "coding then length", "length 0 then coding"),
        }),
    "RFC 9112 section 6.3": (
        "A list of equal lengths may be refused, and those before us may have read another.", {
            (AGREES, SERVES): (
                "two equal lengths", "list of equal lengths"),
        }),
    "RFC 9110 section 8.6": (
        "A recipient must expect lengths that do not fit its integers.", {
            (INCOMPLETE, INCOMPLETE): (
                "length past 63 bits",),
            (AGREES, INCOMPLETE): (
                "length past 64 bits",),
        }),
    "RFC 9110 section 7.6.1": (
        "Connection lists tokens between commas.", {
            (SERVES, SERVES): (
                "Connection without commas", "quoted Connection"),
        }),
    "RFC 9110 section 10.1.1": (
        "417 for an expectation that the server does not know.", {
            (SERVES, SERVES): (
                "unknown expectation", "more than one expectation"),
        }),
    "RFC 9112 section 7.1": (
        "chunk-size is hexadecimal digits and nothing else, CRLF is exact, and a size must not "
        "overflow.", {
            (AGREES, SERVES): (
                "SP after a size", "HTAB after a size", "LF at the end", "SP after the last size"),
            (INCOMPLETE, INCOMPLETE): (
                "size past 63 bits", "size of 64 bits"),
            (AGREES, INCOMPLETE): (
                "size past 64 bits", "LF twice at the end", "CR at the end"),
        }),
    "RFC 9112 section 7.1.1": (
        "chunk-ext has a grammar, its whitespace included, and a server should bound its size.", {
            (AGREES, SERVES): (
                "CR in an extension", "NUL in an extension", "quotes left open", "more after quotes",
                "extension without a name", "SP ends an extension", "two words in an extension",
                "bracket in an extension"),
            (AGREES, INCOMPLETE): (
                "CR ends an extension",),
            (SERVES, SERVES): (
                "extension with only a value", "extension without its value", "two semicolons",
                "extension past its bound", "extensions past their bound"),
            (REFUSED, REFUSED): (
                "bad whitespace",),
        }),
    "RFC 9112 section 7.1.2": (
        "Trailers are field lines, as bounded as the head, and must not be merged into it.", {
            (AGREES, SERVES): (
                "LF ends a trailer", "folded trailer"),
            (SERVES, SERVES): (
                "trailers past their bound", "too many trailers"),
            (DIFFERS, AGREES): (
                "trailer", "two trailers"),
        }),
    "RFC 9110 section 6.5.1": (
        "What frames, routes, modifies or authenticates a request, or describes its content, is no "
        "trailer.", {
            (AGREES, SERVES): (
                "Content-Length as a trailer", "content-LENGTH as a trailer",
                "Transfer-Encoding as a trailer"),
            (SERVES, SERVES): (
                "Trailer as a trailer", "Host as a trailer", "Authorization as a trailer",
                "Cookie as a trailer", "Content-Type as a trailer", "Content-Encoding as a trailer",
                "Content-Range as a trailer", "Cache-Control as a trailer", "Expect as a trailer",
                "Max-Forwards as a trailer", "Range as a trailer", "TE as a trailer",
                "If-Match as a trailer", "Connection as a trailer", "Upgrade as a trailer"),
        }),
    "RFC 9112 section 5": (
        "OWS after a value is no part of it.", {
            (DIFFERS, AGREES): (
                "whitespace around",),
        }),
    "RFC 9112 section 6.2": (
        "OWS after a length is no part of it; a body belongs to its request, whether it asks for an "
        "upgrade or not.", {
            (DIFFERS, AGREES): (
                "length with whitespace", "Upgrade with a body"),
        }),
}


def outcome(ours: Reading | str, theirs: Reading | str) -> str:
    if theirs == ours:
        return AGREES
    if isinstance(theirs, str):
        return theirs
    return SERVES if isinstance(ours, str) else DIFFERS


@pytest.mark.parametrize(("section", "name", "data"), ALL)
def test_httptools_and_h11_read_otherwise_only_where_the_table_says_so(section, name, data):
    _, rows = DISAGREEMENTS.get(section, ("", {}))
    listed = [outcomes for outcomes, names in rows.items() if name in names] or [(AGREES, AGREES)]
    ours = read(data)
    assert [(outcome(ours, read_with_httptools(data)), outcome(ours, read_with_h11(data)))] == listed


def test_the_table_names_no_vector_that_does_not_exist():
    known = {(value.values[0], value.values[1]) for value in ALL}
    assert len(known) == len(ALL)
    assert {(section, name) for section, (_, rows) in DISAGREEMENTS.items() for names in rows.values()
            for name in names} <= known
