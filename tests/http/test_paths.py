"""Paths as registered: what is parsed from them, what is refused, and how they are joined."""

import pytest

from fastloop_http._h1.routes import MAX_CAPTURES
from fastloop_http._paths import Segment, decode, join, parse_path

ANY = ("", "")  # a whole segment captured


@pytest.mark.parametrize(
    ("path", "segments", "captures"),
    [
        ("/", [""], []),
        ("/users", ["users"], []),
        ("/users/", ["users", ""], []),
        ("//a", ["", "a"], []),
        ("/caf%C3%A9", ["caf%C3%A9"], []),
        ("/{id}", [ANY], ["id"]),
        ("/users/{id}/posts/{post}", ["users", ANY, "posts", ANY], ["id", "post"]),
        ("/{a}/{b}/", [ANY, ANY, ""], ["a", "b"]),
        ("/{id}.json", [("", ".json")], ["id"]),
        ("/v{major}/x", [("v", ""), "x"], ["major"]),
        ("/pre{name}suf", [("pre", "suf")], ["name"]),
        ("/@{user}/{file}.tar.gz", [("@", ""), ("", ".tar.gz")], ["user", "file"]),
        ("/{*rest}", [None], ["rest"]),
        ("/static/{*path}", ["static", None], ["path"]),
        ("/{tenant}/files/v{n}/{*path}", [ANY, "files", ("v", ""), None], ["tenant", "n", "path"]),
        ("/{{id}}", ["{id}"], []),
        ("/a}}b{{", ["a}b{"], []),
        ("/{{{{", ["{{"], []),
        ("/{{{id}}}", [("{", "}")], ["id"]),
        ("/{id}}}", [("", "}")], ["id"]),
        ("/{{*rest}}", ["{*rest}"], []),
        ("/*", ["*"], []),
        ("/:id", [":id"], []),
        ("/{_}/{ünder}", [ANY, ANY], ["_", "ünder"]),
        ("/{match}", [ANY], ["match"]),
    ],
)
def test_path_is_parsed(path: str, segments: list[Segment], captures: list[str]) -> None:
    assert parse_path(path) == (path, tuple(segments), tuple(captures))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "must begin with '/'"),
        ("users", "must begin with '/'"),
        ("{name}", "must begin with '/'"),
        ("/{a", "'{' in segment '{a' belongs to no capture; a capture is {name}, and '{{' stands for"),
        ("/a}", "'}' in segment 'a}' belongs to no capture; a capture is {name}, and '}}' stands for"),
        ("/{", "'{' in segment '{'"),
        ("/{a/b}", "'{' in segment '{a'"),
        ("/{a}}", "'}' in segment '{a}}'"),
        ("/{{a}", "'}' in segment '{{a}'"),
        ("/{a{b}}", "'{' in segment '{a{b}}'"),
        ("/{a}{b}", "segment '{a}{b}' has two captures"),
        ("/{a}-{b}", "capture it whole and split it in the handler"),
        ("/{a}.{*b}", "segment '{a}.{*b}' has two captures"),
        ("/{}", "'' cannot name a handler's parameter"),
        ("/{*}", "'' cannot name a handler's parameter"),
        ("/{**a}", "'*a' cannot name a handler's parameter"),
        ("/{user-id}", "'user-id' cannot name a handler's parameter"),
        ("/{class}", "'class' cannot name a handler's parameter; a capture is {name}, of a Python"),
        ("/{1}", "'1' cannot name"),
        ("/{ a }", "' a ' cannot name"),
        ("/{id:int}", "what is captured has its type from the handler"),
        ("/{a}/x/{a}", "captures {a} twice; give each capture its own name"),
        ("/{a}/v{a}", "captures {a} twice"),
        ("/{a}/{*a}", "captures {a} twice"),
        ("/{*rest}/x", "catch-all {*rest} is not the last segment; end the path with it, or capture one"),
        ("/{*rest}/", "catch-all {*rest} is not the last segment"),
        ("/{*rest}.zip", "{*rest} is only a part of segment '{*rest}.zip'; make it the last segment"),
        ("/v{*rest}", "or capture up to the next '/': {rest}"),
        ("/café", "can never match: 'é' does not occur in a request path; write it %C3%A9"),
        ("/{a}é", "write it %C3%A9"),
        ("/a b", "write it %20"),
        ("/a?b=c", "write it %3F"),
        ("/a#b", "write it %23"),
        ("/a\r\n", "write it %0D"),
    ],
)
def test_path_that_cannot_match_is_refused(path: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^path") as caught:
        parse_path(path)
    assert reason in str(caught.value)
    assert repr(path) in str(caught.value)


def test_captures_are_as_many_as_the_tree_takes() -> None:
    path = "".join(f"/{{c{n}}}" for n in range(MAX_CAPTURES))
    assert len(parse_path(path).captures) == MAX_CAPTURES
    for more in ("/{x}", "/v{x}", "/{*x}"):
        with pytest.raises(ValueError, match=f"more than {MAX_CAPTURES} captures; take them from the query"):
            parse_path(path + more)


@pytest.mark.parametrize(
    ("path", "static"),
    [("/", "/"), ("/a//b/", "/a//b/"), ("/{{a}}", "/{a}"), ("/{a}", None), ("/a{b}c", None), ("/{*a}", None)],
)
def test_path_without_captures_matches_one_request_path(path: str, static: str | None) -> None:
    assert parse_path(path).static == static


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("/{a}/x", "/{b}/x", True),
        ("/v{a}.{{", "/v{b}.{{", True),
        ("/{*a}", "/{*b}", True),
        ("/{a}", "/{*a}", False),
        ("/{a}", "/v{a}", False),
        ("/v{a}", "/{a}v", False),
        ("/{a}", "/{{a}}", False),
        ("/a", "/a/", False),
    ],
)
def test_paths_of_equal_segments_differ_only_in_names(one: str, other: str, same: bool) -> None:
    assert (parse_path(one).segments == parse_path(other).segments) is same
    assert len({parse_path(one).segments, parse_path(other).segments}) == 2 - same


@pytest.mark.parametrize(
    ("prefix", "path", "joined"),
    [
        ("/api", "/users", "/api/users"),
        ("/api", "/", "/api"),
        ("/api", "/users/", "/api/users/"),
        ("/api/", "/users", "/api/users"),
        ("/api/", "/", "/api/"),
        ("/a/b", "/{*rest}", "/a/b/{*rest}"),
        ("/{tenant}/api", "/{id}", "/{tenant}/api/{id}"),
        ("/v{major}", "/{{x}}", "/v{major}/{{x}}"),
    ],
)
def test_nested_path_follows_its_prefix(prefix: str, path: str, joined: str) -> None:
    assert join(prefix, path) == joined


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        ("", "cannot nest at '', which adds nothing to paths; use merge instead"),
        ("/", "cannot nest at '/', which adds nothing to paths; use merge instead"),
        ("/{*rest}", "cannot nest at '/{*rest}': nothing follows a catch-all; capture one segment"),
        ("api", "path 'api' must begin with '/'"),
        ("/{a}{b}", "has two captures"),
    ],
)
def test_prefix_that_cannot_be_nested_at_is_refused(prefix: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^(cannot nest|path)") as caught:
        join(prefix, "/x")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("a", "a"),
        ("", ""),
        ("a+b", "a+b"),
        ("%41%2F%25", "A/%"),
        ("caf%C3%a9", "café"),
        ("caf\xc3\xa9", "café"),
        ("%F0%9F%90%8D/%00", "🐍/\0"),
        ("%", None),
        ("%4", None),
        ("%zz", None),
        ("%+1", None),
        ("%ff", None),
        ("%C3", None),
        ("%ED%A0%80", None),
        ("%C0%AF", None),
        ("\xff", None),
    ],
)
def test_captured_text_is_decoded_once_as_utf8(text: str, decoded: str | None) -> None:
    assert decode(text) == decoded
