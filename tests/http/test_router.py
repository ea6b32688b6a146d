"""Routes: which handler answers which request, and what is refused at registration."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastloop_http._h1.request import Request
from fastloop_http.method_router import MethodRouter, delete, get, head, options, patch, post, put
from fastloop_http.router import Route, Router


@dataclass
class Asked:
    """All that dispatch reads of a Request."""

    method: str
    path: str


def ask(router: Router, line: str) -> Any:
    method, _, path = line.partition(" ")
    asked: Any = Asked(method, path)
    return router.compile().dispatch(asked)


def says(word: str) -> Callable[[], str]:
    """Return a handler that answers `word`."""
    return lambda: word


def greet(name: str) -> str:
    return f"Greetings, {name}!"


def pair(a: str, b: str) -> tuple[str, str]:
    return a, b


ROUTER = (
    Router()
    .route("/", get(says("index")))
    .route("/users", get(says("users")).post(says("new user")))
    .route("/users/", get(says("users, slash")))
    .route("/users/me", get(says("me")))
    .route("/users/{name}", get(greet).delete(lambda name: f"Bye, {name}!"))
    .route("/users/me/posts/{post}", get(lambda post: f"my {post}"))
    .route("/users/{name}/posts/new", get(lambda name: f"{name}'s new"))
    .route("/{a}/at/{b}", get(pair))
    .route("/caf%C3%A9", get(says("coffee")))
)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("GET /", "index"),
        ("GET /users", "users"),
        ("POST /users", "new user"),
        ("GET /users/", "users, slash"),
        ("GET /users/me", "me"),
        ("GET /users/ada", "Greetings, ada!"),
        ("DELETE /users/ada", "Bye, ada!"),
        ("HEAD /users/ada", "Greetings, ada!"),
        ("HEAD /", "index"),
        ("GET /users/me/posts/7", "my 7"),
        ("GET /users/me/posts/new", "my new"),
        ("GET /users/ada/posts/new", "ada's new"),
        ("GET /users/at/me", ("users", "me")),
        ("GET /x/at/y", ("x", "y")),
        ("GET /caf%C3%A9", "coffee"),
        # A capture is decoded once, after the path is split.
        ("GET /users/caf%C3%A9", "Greetings, café!"),
        ("GET /users/caf\xc3\xa9", "Greetings, café!"),
        ("GET /users/a%2Fb", "Greetings, a/b!"),
        ("GET /users/a%252Fb", "Greetings, a%2Fb!"),
        ("GET /users/a+b", "Greetings, a+b!"),
        ("GET /%41/at/%42", ("A", "B")),
        # Static segments are compared undecoded.
        ("GET /users/m%65", "Greetings, me!"),
    ],
)
def test_request_reaches_the_handler_of_its_path(line: str, answer: object) -> None:
    assert ask(ROUTER, line) == answer


@pytest.mark.parametrize(
    "line",
    [
        "GET /nobody",
        "GET /users/ada/",
        "GET /users//posts/new",
        "GET //at/b",
        "GET //users",
        "GET /users/ada/posts/new/more/and/more",
        "GET /x/at/y/z",
        "GET /caf%c3%a9",
        "GET /caf\xc3\xa9",
        "GET ",
        "OPTIONS *",
        "GET http:/users",
    ],
)
def test_path_without_a_route_is_not_found(line: str) -> None:
    assert ask(ROUTER, line) == (404, {}, "Not Found")


@pytest.mark.parametrize(
    ("line", "allow"),
    [
        ("POST /", "GET, HEAD, OPTIONS"),
        ("PUT /users", "GET, HEAD, OPTIONS, POST"),
        ("get /users", "GET, HEAD, OPTIONS, POST"),
        ("PATCH /users/ada", "DELETE, GET, HEAD, OPTIONS"),
        # The path is matched first, then the method: a static path does not fall back to a capture.
        ("DELETE /users/me", "GET, HEAD, OPTIONS"),
    ],
)
def test_method_without_a_handler_is_told_what_is_allowed(line: str, allow: str) -> None:
    assert ask(ROUTER, line) == (405, {"Allow": allow}, "Method Not Allowed")


@pytest.mark.parametrize(
    "segment", ["%", "%4", "%zz", "a%4", "%+1", "%ff", "%C3", "%ED%A0%80", "%C0%AF", "\xff", "a\xc3"]
)
def test_capture_that_is_not_percent_encoded_utf8_is_a_bad_request(segment: str) -> None:
    status, headers, body = ask(ROUTER, f"GET /users/{segment}")
    assert (status, headers) == (400, {})
    assert body.startswith("Bad Request")


def test_error_answers_share_no_headers() -> None:
    ask(ROUTER, "GET /nobody")[1]["X"] = "mine"
    assert ask(ROUTER, "GET /nobody") == (404, {}, "Not Found")


@pytest.mark.parametrize("function", [get, post, put, patch, delete, head, options])
def test_each_method_has_its_function(function: Callable[..., MethodRouter]) -> None:
    method = function.__name__.upper()
    assert ask(Router().route("/", function(says("yes"))), f"{method} /") == "yes"


def test_head_may_have_its_own_handler() -> None:
    assert ask(Router().route("/", head(says("head")).get(says("get"))), "HEAD /") == "head"


def test_methods_chained_leave_the_first_as_it_was() -> None:
    first = get(says("a"))
    first.post(says("b"))
    assert list(first.handlers) == ["GET"]


def test_path_routed_twice_has_the_methods_of_both() -> None:
    router = Router().route("/{x}", get(says("a"))).route("/{x}", post(says("b")))
    assert [ask(router, f"{method} /1") for method in ("GET", "POST")] == ["a", "b"]


def test_exact_holds_the_static_paths_by_request_line() -> None:
    def index() -> None: ...
    def echo(request: Request) -> None: ...
    def named(*, request: Request) -> object:
        return request

    router = Router().route("/", get(index).post(echo)).route("/k", put(named))
    exact = router.route("/greet/{name}", get(greet)).compile().exact
    call, wants_request, path = exact.pop("PUT /k")
    assert (wants_request, path) == (True, "/k")
    assert call("it") == "it"
    assert exact == {"GET /": (index, False, "/"), "HEAD /": (index, False, "/"), "POST /": (echo, True, "/")}


def test_dispatch_answers_static_paths_too() -> None:
    received: Any = ask(Router().route("/", get(lambda: "none").post(taken)), "POST /")
    assert received == Asked("POST", "/")


def taken(request: Request) -> Request:
    return request


def test_request_reaches_a_handler_on_a_path_with_captures() -> None:
    assert ask(Router().route("/{x}", get(taken)), "GET /1") == Asked("GET", "/1")


def test_compiled_routes_ignore_later_registrations() -> None:
    router = Router().route("/", get(says("a")))
    routes = router.compile()
    router.route("/late", get(says("b")))
    late: Any = Asked("GET", "/late")
    assert "GET /late" not in routes.exact
    assert routes.dispatch(late) == (404, {}, "Not Found")


def test_routes_lists_what_was_registered() -> None:
    index = says("index")
    router = Router().route("/", get(index).post(index)).route("/greet/{name}", get(greet))
    assert router.routes() == [
        Route("GET", "/", index),
        Route("POST", "/", index),
        Route("GET", "/greet/{name}", greet),
    ]


def test_connect_has_one_handler_and_no_path() -> None:
    def tunnel(request: Request) -> object:
        return request

    assert ask(ROUTER, "CONNECT ") == (501, {}, "Not Implemented")
    router = Router().connect(says("tunnel")).route("/", get(says("index")))
    assert ask(router, "CONNECT ") == "tunnel"
    assert ask(router, "OPTIONS *") == (404, {}, "Not Found")
    assert ask(Router().connect(tunnel), "CONNECT ") == Asked("CONNECT", "")
    assert [route.path for route in router.routes()] == ["/", ""]
    with pytest.raises(ValueError, match=r"CONNECT already has handler .*; tunnel\(\) would never run"):
        router.connect(tunnel)
    with pytest.raises(TypeError, match="of CONNECT"):
        Router().connect(greet)
    with pytest.raises(TypeError, match="must be callable"):
        Router().connect(get(tunnel))  # type: ignore[arg-type]


def test_oneshot_runs_what_is_to_follow_the_answer() -> None:
    done: list[str] = []

    async def later(word: str) -> None:
        await asyncio.sleep(0)
        done.append(word)

    def handler(request: Request) -> str:
        request.after(done.append, "plain")
        request.after(later, "async")
        return f"{done}"

    response = asyncio.run(Router().route("/", get(handler)).oneshot(Request.build("GET", "/")))
    assert (response.body, done) == ("[]", ["plain", "async"])


def test_router_without_routes_finds_nothing() -> None:
    assert ask(Router(), "GET /") == (404, {}, "Not Found")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "must begin with '/'"),
        ("users", "must begin with '/'"),
        ("/{a}{b}", "has two captures"),
        ("/{a}/x/{a}", "captures {a} twice"),
        ("/{*rest}/x", "is not the last segment"),
    ],
)
def test_path_that_cannot_match_is_refused(path: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^path") as caught:
        Router().route(path, get(says("never")))
    assert reason in str(caught.value)
    assert repr(path) in str(caught.value)


def test_second_handler_for_a_method_is_refused() -> None:
    with pytest.raises(ValueError, match=r"GET already has handler greet\(\); pair\(\) would never run"):
        get(greet).get(pair)


def test_second_handler_for_a_route_is_refused() -> None:
    router = Router().route("/{a}/{b}", get(pair))
    with pytest.raises(ValueError, match=r"GET /\{a\}/\{b\} already has handler pair\(\)"):
        router.route("/{a}/{b}", get(pair))


@pytest.mark.parametrize(
    ("path", "other"),
    [("/users/{id}", "/users/{name}"), ("/v{a}/{b}", "/v{b}/{a}"), ("/{*rest}", "/{*path}")],
)
def test_paths_that_differ_only_in_names_are_refused_naming_both(path: str, other: str) -> None:
    router = Router().route(path, get(says("a")))
    with pytest.raises(ValueError, match="name its captures the same") as caught:
        router.route(other, post(says("b")))
    assert f"path {other} matches what {path} does" in str(caught.value)


def test_one_capture_may_have_another_name_in_another_path() -> None:
    router = Router().route("/users/{id}/a", get(lambda id: f"a of {id}"))
    router.route("/users/{name}/b", get(lambda name: f"b of {name}"))
    assert [ask(router, f"GET /users/1/{last}") for last in "ab"] == ["a of 1", "b of 1"]


def test_escaped_braces_are_looked_up_as_they_are_in_a_request() -> None:
    router = Router().route("/{{a}}", get(says("braces")))
    assert list(router.compile().exact) == ["GET /{a}", "HEAD /{a}"]
    assert ask(router, "GET /{a}") == "braces"


def test_refused_route_changes_nothing() -> None:
    router = Router()
    with pytest.raises(TypeError, match="parameter 'nme'"):
        router.route("/greet/{name}", get(greet).post(lambda nme: nme))
    assert router.routes() == []
    router.route("/greet/{nme}", post(lambda nme: nme))


def test_handler_routed_without_its_method_is_refused() -> None:
    with pytest.raises(TypeError, match=r"takes get\(handler\)"):
        Router().route("/", greet)  # type: ignore[arg-type]


def test_what_cannot_be_called_is_refused_before_it_is_routed() -> None:
    with pytest.raises(TypeError, match="must be callable"):
        get("hello")  # type: ignore[arg-type]


# Against brute force: few segments, so that paths meet often. A capture's name tells its place.
patterns = st.lists(st.sampled_from(["a", "b", "", "{}"]), min_size=1, max_size=4).map(tuple)
paths = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=5)


def spell(pattern: tuple[str, ...]) -> str:
    return "".join(f"/{segment.replace('{}', f'{{p{index}}}')}" for index, segment in enumerate(pattern))


def brute_force(routed: set[tuple[str, ...]], path: list[str]) -> tuple[str, ...] | None:
    """Of the patterns that match, the one whose first parting from each other is static."""
    matching = [
        pattern
        for pattern in routed
        if len(pattern) == len(path)
        and all(
            asked != "" if segment == "{}" else asked == segment
            for segment, asked in zip(pattern, path, strict=True)
        )
    ]
    return min(matching, key=lambda pattern: [segment == "{}" for segment in pattern], default=None)


@given(st.sets(patterns, max_size=12), st.lists(paths, min_size=1, max_size=8))
def test_router_agrees_with_brute_force(routed: set[tuple[str, ...]], asked: list[list[str]]) -> None:
    router = Router()
    for pattern in routed:
        names = [f"p{index}" for index, segment in enumerate(pattern) if segment == "{}"]
        tell = "".join(f"{name}, " for name in names)
        handler = eval(f"lambda {tell}: ({pattern!r}, ({tell}))")
        router.route(spell(pattern), get(handler))
    exact = router.compile().exact
    for path in asked:
        line = "GET /" + "/".join(path)
        expected = brute_force(routed, path)
        if expected is None:
            assert ask(router, line) == (404, {}, "Not Found")
            continue
        captured = tuple(path[index] for index, segment in enumerate(expected) if segment == "{}")
        assert ask(router, line) == (expected, captured)
        assert (line in exact) == ("{}" not in expected)
