"""The table of exact routes, through a server whose dispatch only says that the table has not answered; and
the tree of paths, by itself and against brute force.
"""

import itertools
import random
import string
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.paths import find, nameless
from served import Site, request

from fastloop_http import Request, Router, get
from fastloop_http._h1.routes import MAX_CAPTURES, Call, Endpoint, PathTree
from fastloop_http._paths import parse_path
from fastloop_http.router import Routes

MISSED = "missed"
Ask = Callable[[str], str]


@pytest.fixture
def table(make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> Callable[[dict], Ask]:
    """Serve a table of exact routes; return ask("METHOD /path") -> the answer's text."""

    def table(exact: dict) -> Ask:
        app = Router()
        monkeypatch.setattr(app, "compile", lambda: Routes(exact, PathTree([]), lambda request: MISSED))
        peer = make_site(app).peer()

        def ask(start: str) -> str:
            method, path = start.split(" ")
            return peer.send(request(path, method)).answer().body.decode("latin-1")

        return ask

    return table


def answering(key: str) -> Callable[[], str]:
    return lambda: key


def test_empty_table_finds_nothing(table: Callable) -> None:
    ask = table({})
    assert [ask("GET /"), ask("GET /a"), ask("POST /")] == [MISSED] * 3


def test_each_of_many_routes_is_found_and_its_neighbours_are_not(table: Callable) -> None:
    chosen = random.Random(1)
    paths = {"/" + "".join(chosen.choices(string.ascii_letters + "/%._-~", k=size)) for size in range(40)}
    paths |= {f"/{n}" for n in range(1000)}
    keys = {f"{method} {path}" for path in paths for method in ("GET", "POST", "DELETE")}
    ask = table({key: (answering(key), False, "") for key in keys})
    for key in chosen.sample(sorted(keys), 300):
        assert ask(key) == key
        method, path = key.split(" ")
        for near in (f"{key}x", f"{key}/", f"{method} {path[:-1] or '/'}~", f"PUT {path}", key.swapcase()):
            if near not in keys:
                assert ask(near) == MISSED, near


@pytest.mark.parametrize("size", [1, 3, 4, 5, 11, 12, 13, 19, 20, 500, 10_000])
def test_paths_of_every_length_are_compared_to_their_last_byte(table: Callable, size: int) -> None:
    # "GET /" and the path make 5 + size bytes: below, at and above the words that the hash takes.
    path = "/" + "a" * size
    ask = table({f"GET {path}": (answering("found"), False, "")})
    assert ask(f"GET {path}") == "found"
    assert ask(f"GET {path}a") == ask(f"GET {path[:-1]}") == ask(f"GET {path[:-1]}b") == MISSED


def test_query_is_no_part_of_the_key(table: Callable) -> None:
    ask = table({"GET /a": (answering("found"), False, "")})
    assert ask("GET /a?b=c") == ask("GET /a?") == ask("GET /a") == "found"


def test_absolute_target_goes_to_dispatch(table: Callable) -> None:
    assert table({"GET /a": (answering("found"), False, "")})("GET http://site/a") == MISSED


def test_percent_encoding_is_compared_as_sent(table: Callable) -> None:
    ask = table({"GET /%41": (answering("encoded"), False, ""), "GET /A": (answering("plain"), False, "")})
    assert (ask("GET /%41"), ask("GET /A"), ask("GET /%4a")) == ("encoded", "plain", MISSED)


def test_route_gets_the_request_if_it_wants_it(table: Callable) -> None:
    def path(request: Request) -> str:
        return f"asked {request.target}"

    ask = table({"GET /a": (path, True, ""), "GET /b": (answering("alone"), False, "")})
    assert (ask("GET /a?b"), ask("GET /b?b")) == ("asked /a?b", "alone")


def test_table_is_a_copy_that_owns_its_calls(table: Callable) -> None:
    exact = {f"GET /{n}": (answering(f"{n}"), False, "") for n in range(100)}
    ask = table(exact)
    exact.clear()
    assert [ask(f"GET /{n}") for n in range(100)] == [f"{n}" for n in range(100)]


def call(*captures: int) -> Call:
    return Call(lambda: "", False, captures)


@pytest.mark.parametrize(
    ("captures", "why"),
    [((-1,), "counted from 0"), (tuple(range(17)), "16 captures at most")],
)
def test_call_of_captures_that_cannot_be_is_refused(captures: tuple[int, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        call(*captures)


@pytest.mark.parametrize(
    ("segments", "taken", "why"),
    [
        ([("", "")] * 17, (), "17 captures, limit 16"),
        ([("v", "")] * 16 + [None], (), "17 captures, limit 16"),
        (["a"], (0,), r"captures \(0,\) of 0"),
        (["a", ("", "")], (1,), r"captures \(1,\) of 1"),
        ([None, "a"], (), "path /x goes on behind the capture of all that follows"),
    ],
)
def test_tree_of_a_path_that_cannot_be_is_refused(
    segments: Sequence[str | tuple[str, str] | None], taken: tuple[int, ...], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        PathTree([(segments, Endpoint({"GET": call(*taken)}, "GET", "/x"))])


def tree_of(paths: Iterable[str]) -> PathTree:
    return PathTree((parse_path(path).segments, Endpoint({}, "", path)) for path in paths)


def look_up(tree: PathTree, asked: str) -> tuple[str, list[str]] | None:
    found = tree.match(asked)
    return None if found is None else (found[0].path, found[1])


def test_tree_of_two_paths_that_match_the_same_is_refused() -> None:
    with pytest.raises(ValueError, match=r"path /\{b\}/x matches what /\{a\}/x does"):
        tree_of(["/{a}/x", "/{b}/x"])


def test_endpoint_is_the_one_given_with_what_it_knows() -> None:
    end = Endpoint({"GET": call()}, "GET, HEAD", "/v{a}")
    found = PathTree([([("v", "")], end)]).match("/v1")
    assert found == (end, ["1"])
    assert (end.path, end.allow, list(end.calls)) == ("/v{a}", "GET, HEAD", ["GET"])


# Paths as registered; then what is asked of them, the path that answers and what it captures, or "-".
CORPUS = {
    "nothing": ("", """
        /   -
        /a  -
        """),
    "statics": ("/ /a /a/ /a/b // //a /ab /A /%61 /{{ /}}{{/{{a}}", """
        /        /
        /a       /a
        /a/      /a/
        /a/b     /a/b
        //       //
        //a      //a
        /ab      /ab
        /A       /A
        /%61     /%61
        /{       /{{
        /}{/{a}  /}}{{/{{a}}
        a        -
        /b       -
        /a/b/    -
        ///      -
        /%41     -
        /{{      -
        /abc     -
        """),
    "whole segments": ("/{a} /{b}/ /users/{id} /users/{user}/posts/{post} /x/{a}/{b}/z", """
        /q                  /{a}                        q
        /q/                 /{b}/                       q
        /users              /{a}                        users
        /users/             /{b}/                       users
        /users/%C3%A9       /users/{id}                 %C3%A9
        /users/\xe9            /users/{id}                 \xe9
        /users/7/posts/a.b  /users/{user}/posts/{post}  7 a.b
        /x/1/2/z            /x/{a}/{b}/z                1 2
        /                   -
        //                  -
        /users//posts/1     -
        /x/1/2              -
        /x//2/z             -
        /x/1/2/z/           -
        """),
    "prefixes": ("/v{n} /version{n} /v{n}/docs /ver/x /{any}", """
        /v1             /v{n}        1
        /versio         /v{n}        ersio
        /version        /v{n}        ersion
        /version2       /version{n}  2
        /v              /{any}       v
        /ver            /v{n}        er
        /version2/docs  /v{n}/docs   ersion2
        /V1             /{any}       V1
        /v/docs         -
        /               -
        /v1/            -
        """),
    "suffixes": ("/{f}.gz /{f}.tar.gz /{f}.json /{f} /x.gz /{f}.gz/raw", """
        /a.gz          /{f}.gz      a
        /a.tar.gz      /{f}.tar.gz  a
        /.tar.gz       /{f}.gz      .tar
        /.gz           /{f}         .gz
        /a.json        /{f}.json    a
        /a.JSON        /{f}         a.JSON
        /x.gz          /x.gz
        /x.gz/raw      /{f}.gz/raw  x
        /a.tar.gz/raw  /{f}.gz/raw  a.tar
        /.gz/raw       -
        /a.json/raw    -
        /              -
        """),
    "prefix before suffix": ("/ab{x} /a{x}c /a{x}bc /{x}abc /{x}c /a{x}", """
        /abc   /ab{x}   c
        /abbc  /ab{x}   bc
        /axbc  /a{x}bc  x
        /axc   /a{x}c   x
        /axd   /a{x}    xd
        /xabc  /{x}abc  x
        /xc    /{x}c    x
        /ab    /a{x}    b
        /ac    /a{x}    c
        /a     -
        /c     -
        /xd    -
        """),
    "braces around captures": ("/{{{a}}} /{{{a} /{a}}}", """
        /{x}  /{{{a}}}  x
        /{x   /{{{a}    x
        /x}   /{a}}}    x
        /{}   /{{{a}    }
        """),
    "catch-alls": ("/{*all} /static/{*path} /static/ /files/{user}/{*path} /static/{name}.css", """
        /a               /{*all}                a
        /a/b/            /{*all}                a/b/
        //               /{*all}                /
        //a              /{*all}                /a
        /static          /{*all}                static
        /static/         /static/
        /static/a        /static/{*path}        a
        /static//        /static/{*path}        /
        /static/a/b.css  /static/{*path}        a/b.css
        /static/b.css    /static/{name}.css     b
        /static/.css     /static/{*path}        .css
        /files/me/a/b    /files/{user}/{*path}  me a/b
        /files/me/       /{*all}                files/me/
        /files//a        /{*all}                files//a
        /%2F/\xff           /{*all}                %2F/\xff
        /                -
        """),
    "backtracking": ("""
        /a/b/c /a/{x}/d /{x}/b/e /{x}/{y}/{z} /a{x}/b/f /{x}a/b/g /a/{*r} /{x}/b/{z}/h /aa/{*r}
        """, """
        /a/b/c     /a/b/c
        /a/b/d     /a/{x}/d      b
        /a/b/e     /a/{*r}       b/e
        /c/b/e     /{x}/b/e      c
        /c/b/f     /{x}/{y}/{z}  c b f
        /ab/b/f    /a{x}/b/f     b
        /aba/b/g   /{x}a/b/g     ab
        /aba/b/e   /{x}/b/e      aba
        /aba/b/i   /{x}/{y}/{z}  aba b i
        /ab/b/i/h  /{x}/b/{z}/h  ab i
        /a/b/i/h   /a/{*r}       b/i/h
        /aa/b/f    /aa/{*r}      b/f
        /aa/       -
        /a/        -
        /c/b/i/j   -
        /ab/b/f/   -
        /aa        -
        """),
    "names differ where paths part": ("/{a}/x /{b}/y /{c} /{d}/{e} /v{f}/x /v{g}/z", """
        /1/x   /{a}/x    1
        /1/y   /{b}/y    1
        /1     /{c}      1
        /1/z   /{d}/{e}  1 z
        /v1/x  /v{f}/x   1
        /v1/y  /{b}/y    v1
        /v1/z  /v{g}/z   1
        """),
}


@pytest.mark.parametrize("name", CORPUS)
def test_corpus_is_answered_as_written_and_as_by_brute_force(name: str) -> None:
    paths, table = CORPUS[name][0].split(), CORPUS[name][1]
    trees = tree_of(paths), tree_of(paths[::-1])
    for asked, path, *captures in map(str.split, table.strip().splitlines()):
        answer = None if path == "-" else (path, captures)
        assert [look_up(tree, asked) for tree in trees] == [answer] * 2, asked
        assert find(paths, asked) == answer, asked


@pytest.mark.parametrize("asked", ["", "a", "*", "http:/a"])
def test_what_does_not_begin_with_a_slash_matches_nothing(asked: str) -> None:
    assert look_up(tree_of(["/", "/{a}", "/{*all}"]), asked) is None


# Few texts, so that paths meet often; a capture's name tells its place.
texts = st.sampled_from(["", "a", "b", "ab", "ba", "aba", "{{", "aab"])
affix = st.sampled_from(["", "", "a", "b", "ab", "}}"])
parts = st.one_of(texts, texts, st.tuples(affix, affix).map(lambda around: "{}".join(around)))
asked_segments = st.sampled_from(["", "a", "b", "ab", "ba", "aba", "abab", "baab", "{", "}", "a}", "\xe9"])
asked_paths = st.lists(asked_segments, min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))


@st.composite
def registered(draw: st.DrawFn) -> str:
    segments = draw(st.lists(parts, min_size=1, max_size=4))
    if draw(st.booleans()) and draw(st.booleans()):
        segments.append("{*}")
    return "/" + "/".join(
        segment.replace("{*}", f"{{*p{place}}}").replace("{}", f"{{p{place}}}")
        for place, segment in enumerate(segments)
    )


@given(st.sets(registered(), max_size=14), st.lists(asked_paths, min_size=1, max_size=12))
def test_tree_agrees_with_brute_force(paths: set[str], asked: list[str]) -> None:
    tree = tree_of(paths)
    for path in asked:
        assert look_up(tree, path) == find(paths, path)


names = st.sampled_from(["/{x}", "/{y}", "/a", "/a{x}", "/a{y}", "/{*x}", "/{*y}"])


@given(st.lists(names, max_size=3).map("".join), st.lists(names, max_size=3).map("".join))
def test_paths_conflict_if_they_differ_only_in_names(one: str, other: str) -> None:
    try:
        segments = parse_path(one).segments, parse_path(other).segments
    except ValueError:
        return
    assert (segments[0] == segments[1]) == (nameless(one) == nameless(other))


def test_backtracking_is_bounded_by_the_tree_however_a_path_is_made() -> None:
    # Each segment can be taken in four ways, and no combination of them leads anywhere.
    ways = ["aaa", "a{}", "{}a", "{}"]
    paths = {
        "".join(f"/{way.replace('{}', f'{{p{place}}}')}" for place, way in enumerate(chosen)) + "/end"
        for chosen in itertools.product(ways, repeat=6)
    }
    tree = tree_of(paths)
    assert look_up(tree, "/aaa" * 6 + "/fin") is None
    assert look_up(tree, "/aaa" * 6 + "/end") == ("/aaa" * 6 + "/end", [])
    captured = "".join(f"/{{p{n}}}" for n in range(6)) + "/end"
    assert look_up(tree, "/bbb" * 6 + "/end") == (captured, ["bbb"] * 6)
    # Two ways at each of 200 segments: a look-up that were exponential in them would not end.
    some = ["/aaa" * place + "/{p}" + "/aaa" * (199 - place) + "/end" for place in range(200)]
    tree = tree_of([*some, "/aaa" * 200 + "/{*rest}"])
    assert look_up(tree, "/aaa" * 150 + "/b" + "/aaa" * 49 + "/end") == (some[150], ["b"])
    assert look_up(tree, "/aaa" * 150 + "/b" + "/aaa" * 49 + "/fin") is None
    assert look_up(tree, "/aaa" * 5000) == ("/aaa" * 200 + "/{*rest}", ["/".join(["aaa"] * 4800)])


def test_static_text_behind_the_last_capture_there_is_room_for_is_followed() -> None:
    sixteen = "".join(f"/v{{c{n}}}" for n in range(MAX_CAPTURES))
    fifteen_and_rest = sixteen.rpartition("/")[0] + "/{*rest}"
    tree = tree_of([f"{sixteen}/x/y", fifteen_and_rest])
    asked = "/v1" * MAX_CAPTURES
    assert look_up(tree, f"{asked}/x/y") == (f"{sixteen}/x/y", ["1"] * MAX_CAPTURES)
    assert look_up(tree, f"{asked}/x/z") == (fifteen_and_rest, ["1"] * 15 + ["v1/x/z"])


def test_parts_of_segments_and_all_the_rest_are_handed_over_decoded(make_site: Callable[..., Site]) -> None:
    async def tell(name: str, rest: str) -> str:
        return f"{name} of {rest}"

    async def file(name: str) -> str:
        return f"file {name}"

    app = Router().route("/get/{name}.json", get(file)).route("/get/@{name}/{*rest}", get(tell))
    peer = make_site(app.route("/{{{name}}}", get(file))).peer()
    for path, answer in {
        "/get/a.json": "file a",
        "/get/%41%2Fb.json": "file A/b",
        "/get/@a/b/c": "a of b/c",
        "/get/@%41/b%2F/c%20/": "A of b//c /",
        "/{x}": "file x",
        "/{%C3%A9}": "file \u00e9",
    }.items():
        assert peer.send(request(path)).answer().body.decode() == answer
    assert peer.send(request("/get/@%zz/b")).answer().status == 400
    for path in ("/get/.json", "/get/@a/", "/{}"):
        assert peer.send(request(path)).answer().status == 404, path


def test_as_many_captures_as_there_is_room_for_are_handed_over(make_site: Callable[..., Site]) -> None:
    names = [f"c{n}" for n in range(16)]

    async def join(c0: str, c15: str, c7: str) -> str:
        return "-".join((c0, c7, c15))

    app = Router().route("".join(f"/{{{name}}}" for name in names), get(join))
    peer = make_site(app).peer()
    path = "".join(f"/v{n}" for n in range(16))
    assert peer.send(request(path)).answer().body == b"v0-v7-v15"
    assert peer.send(request(path.replace("v7", "%41"))).answer().body == b"v0-A-v15"
    assert peer.send(request(path.replace("v8", "%zz"))).answer().status == 200
    assert peer.send(request(path + "/more")).answer().status == 404
    # A method without a number of its own, where no copy of the head has been made yet.
    assert peer.send(request(path, "PURGE")).answer().status == 405
    with pytest.raises(ValueError, match="more than 16 captures"):
        Router().route("".join(f"/{{c{n}}}" for n in range(17)), get(lambda: ""))
