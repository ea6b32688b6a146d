"""The table of exact routes, through a server whose dispatch only says that the table has not answered."""

import random
import string
from collections.abc import Callable

import pytest
from served import Site, request

from fastloop_http import Request, Router, get
from fastloop_http._h1.routes import Call, Endpoint, PathTree
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
        ([None] * 17, (), "17 captures, limit 16"),
        (["a"], (0,), r"captures \(0,\) of 0"),
        (["a", None], (1,), r"captures \(1,\) of 1"),
    ],
)
def test_tree_of_paths_without_the_captures_taken_is_refused(
    segments: list[str | None], taken: tuple[int, ...], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        PathTree([(segments, Endpoint({"GET": call(*taken)}, "GET"))])


def test_match_tells_the_endpoint_and_the_captured_segments_as_they_are() -> None:
    ends = {path: Endpoint({}, path) for path in ("/a/{}", "/a/{}/c", "/{}/b/{}", "/{}", "/")}
    tree = PathTree(
        ([None if segment == "{}" else segment for segment in path.split("/")[1:]], end)
        for path, end in ends.items()
    )
    for path, found in {
        "/a/%41": ("/a/{}", ["%41"]),
        "/a/b/c": ("/a/{}/c", ["b"]),
        "/a/b/d": ("/{}/b/{}", ["a", "d"]),
        "/\xe9": ("/{}", ["\xe9"]),
        "/": ("/", []),
    }.items():
        assert tree.match(path) == (ends[found[0]], found[1])
    for path in ("", "a", "//", "/a/", "/a/b/c/d", "/x/y"):
        assert tree.match(path) is None, path


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
