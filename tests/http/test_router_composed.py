"""Routers in routers: prefixes, fallbacks, layers, errors and states, and which of them are around what."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fastloop_http import Request
from fastloop_http.errors import QueryRejection, Rejection
from fastloop_http.method_router import get, post
from fastloop_http.middleware import NormalizePath
from fastloop_http.middleware.layer import Layer, Next
from fastloop_http.respond import Response
from fastloop_http.router import Route, Router


def ask(router: Router, line: str) -> Response:
    method, _, target = line.partition(" ")
    return asyncio.run(router.oneshot(Request.build(method, target)))


def said(router: Router, line: str) -> tuple[int, object]:
    response = ask(router, line)
    return response.status, response.body


def says(word: str) -> Callable[[], str]:
    """Return a handler that answers `word`."""
    return lambda: word


def tag(name: str) -> Layer:
    """Return a layer that tells that it was there."""

    async def layer(request: Request, next: Next) -> Response:
        response = await next(request)
        response.headers.append("x-layer", name)
        return response

    return layer


def layers_of(router: Router, line: str) -> list[str]:
    """Return the layers that were around the answer, the innermost first."""
    return ask(router, line).headers.getall("x-layer")


# Nesting and merging.


def test_nested_routes_have_the_prefix() -> None:
    users = Router().route("/", get(says("users"))).route("/{id}", get(lambda id: f"user {id}"))
    router = Router().nest("/api/users", users).route("/", get(says("index")))
    assert said(router, "GET /api/users") == (200, "users")
    assert said(router, "GET /api/users/7") == (200, "user 7")
    assert said(router, "GET /api/users/")[0] == 404
    assert [route.path for route in router.routes()] == ["/api/users", "/api/users/{id}", "/"]


def test_prefix_may_capture() -> None:
    items = Router().route("/items/{item}", get(lambda item: item))
    assert said(Router().nest("/{tenant}", items), "GET /acme/items/3") == (200, "3")


def test_nested_handler_sees_the_whole_path_and_its_route() -> None:
    def tell(request: Request) -> dict[str, str | None]:
        return {"path": request.path, "route": request.matched_path}

    router = Router().nest("/{tenant}", Router().route("/x/{id}", get(tell)))
    assert said(router, "GET /acme/x/1") == (200, b'{"path":"/acme/x/1","route":"/{tenant}/x/{id}"}')


def test_merged_routes_are_both() -> None:
    router = Router().route("/a", get(says("a"))).merge(Router().route("/a", post(says("posted"))))
    assert [said(router, f"{method} /a") for method in ("GET", "POST")] == [(200, "a"), (200, "posted")]


def test_router_taken_in_is_left_as_it_was() -> None:
    inner = Router().route("/x", get(says("x")))
    outer = Router().nest("/in", inner).layer(tag("outer"))
    inner.route("/later", get(says("later")))
    assert layers_of(outer, "GET /in/x") == ["outer"]
    assert layers_of(inner, "GET /x") == []
    assert said(outer, "GET /in/later")[0] == 404


@pytest.mark.parametrize(
    ("take", "message"),
    [
        (lambda router: router.merge(Router().route("/a", get(says("b")))), "GET /a already has handler"),
        (lambda router: router.nest("/a", Router().route("/", get(says("b")))), "GET /a already has handler"),
        (lambda router: router.nest("/", Router()), "use merge"),
        (lambda router: router.nest("", Router()), "use merge"),
        (lambda router: router.merge(router), "a router cannot be in itself"),
        (lambda router: router.merge(Router().fallback(says("b"))), "the fallback already has handler"),
        (lambda router: router.merge(Router().connect(says("b"))), "CONNECT already has handler"),
    ],
)
def test_what_cannot_be_taken_in_is_refused_and_changes_nothing(
    take: Callable[[Router], object], message: str
) -> None:
    router = Router().route("/a", get(says("a"))).fallback(says("f")).connect(says("c"))
    with pytest.raises(ValueError, match=message):
        take(router)
    assert [route.path for route in router.routes()] == ["/a", ""]
    assert said(router, "GET /a") == (200, "a")


@pytest.mark.parametrize("verb", ["merge", "nest"])
def test_only_routers_are_taken_in(verb: str) -> None:
    arguments = ["/in", "router"] if verb == "nest" else ["router"]
    with pytest.raises(TypeError, match=f"{verb} takes a Router"):
        getattr(Router(), verb)(*arguments)


# Fallbacks.


def nothing_at(request: Request) -> object:
    return 404, f"nothing at {request.path}"


SITE = (
    Router()
    .route("/", get(says("index")))
    .nest("/api", Router().route("/users", get(says("users"))).fallback(says("no such call")))
    .nest("/plain", Router().route("/x", get(says("x"))))
    .nest("/{tenant}/shop", Router().route("/x", get(says("x"))).fallback(says("no such thing")))
    .fallback(nothing_at)
)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("GET /api/users", (200, "users")),
        ("GET /api/nobody", (200, "no such call")),
        ("GET /api/a/b/c", (200, "no such call")),
        ("GET /api", (200, "no such call")),
        ("GET /api/", (200, "no such call")),
        ("GET /apis", (404, "nothing at /apis")),
        ("GET /plain/y", (404, "nothing at /plain/y")),
        ("GET /acme/shop/y", (200, "no such thing")),
        ("GET /acme", (404, "nothing at /acme")),
        ("POST /api/users", (405, "Method Not Allowed")),
    ],
)
def test_fallback_of_the_longest_prefix_answers(line: str, answer: tuple[int, object]) -> None:
    assert said(SITE, line) == answer


def test_method_that_is_not_there_may_have_a_fallback() -> None:
    inner = Router().route("/x", get(says("x")))
    router = Router().nest("/in", inner).method_not_allowed_fallback(lambda: (405, "not like this"))
    response = ask(router, "POST /in/x")
    assert (response.status, response.body) == (405, "not like this")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    assert said(router, "GET /in/y")[0] == 404
    with pytest.raises(ValueError, match="the fallback for methods already has handler"):
        router.method_not_allowed_fallback(says("again"))


def test_options_tells_what_is_allowed() -> None:
    response = ask(Router().route("/x", get(says("x")).post(says("y"))), "OPTIONS /x")
    assert (response.status, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


# Layers.


def test_last_layer_is_the_outermost_and_later_routes_have_none() -> None:
    router = Router().route("/a", get(says("a")).layer(tag("own")))
    router.layer(tag("first")).layer(tag("second")).route("/b", get(says("b")))
    assert layers_of(router, "GET /a") == ["own", "first", "second"]
    assert layers_of(router, "GET /b") == []


@pytest.mark.parametrize(
    ("line", "layers"),
    [
        ("GET /a", ["all", "routes"]),
        ("POST /a", ["all"]),
        ("OPTIONS /a", ["all"]),
        ("GET /nowhere", ["all"]),
    ],
)
def test_layer_is_around_all_and_route_layer_around_handlers(line: str, layers: list[str]) -> None:
    router = Router().route("/a", get(says("a"))).layer(tag("all")).route_layer(tag("routes"))
    assert layers_of(router, line) == layers


def test_layers_of_nested_routers_are_inside() -> None:
    inner = Router().route("/x", get(says("x"))).fallback(says("f")).layer(tag("inner"))
    router = Router().nest("/in", inner).route("/y", get(says("y"))).layer(tag("outer"))
    assert layers_of(router, "GET /in/x") == ["inner", "outer"]
    assert layers_of(router, "GET /in/z") == ["inner", "outer"]
    assert layers_of(router, "GET /y") == ["outer"]


def test_layer_sees_the_captures_decoded_for_the_handler() -> None:
    router = Router().route("/{a}/{b}", get(lambda b, a: f"{a} {b}")).layer(tag("it"))
    assert said(router, "GET /caf%C3%A9/x") == (200, "café x")


def test_layer_may_answer_by_itself() -> None:
    async def closed(request: Request, next: Next) -> object:
        return 503, "closed"

    router = Router().route("/", get(says("open"))).layer(closed).layer(tag("outer"))
    response = ask(router, "GET /")
    assert (response.status, response.headers.getall("x-layer")) == (503, ["outer"])


def fails() -> None:
    raise KeyError("ada")


def refuses() -> None:
    raise QueryRejection("no")


def test_layer_sees_errors_that_are_answers() -> None:
    router = Router().route("/", get(refuses)).layer(tag("outer"))
    assert layers_of(router, "GET /") == ["outer"]
    with pytest.raises(KeyError):
        ask(Router().route("/", get(fails)).layer(tag("outer")), "GET /")


def plain(request: Request, next: Next) -> object:
    return next(request)


@pytest.mark.parametrize("layer", [None, "layer", NormalizePath, Router, plain])
def test_what_is_no_layer_is_refused(layer: Any) -> None:
    router = Router().route("/", get(says("a")))
    for register in (router.layer, router.route_layer, get(says("a")).layer):
        with pytest.raises(TypeError, match="layer"):
            register(layer)
    assert layers_of(router, "GET /") == []


def test_paths_may_have_a_slash_behind_them_too() -> None:
    inner = Router().route("/x", get(says("x"))).route("/{id}", get(lambda id: id)).layer(NormalizePath())
    router = inner.route("/a/late", get(says("late"))).nest("/in", Router().route("/y", get(says("y"))))
    assert said(router, "GET /x/") == (200, "x")
    assert said(router, "GET /7/") == (200, "7")
    assert said(router, "GET /a/late/")[0] == 404
    assert said(router, "GET /in/y/")[0] == 404


# Errors.


def test_errors_are_answered_by_the_handler_of_their_nearest_type() -> None:
    inner = Router().route("/inner", get(fails)).handle_error({KeyError: lambda error: (410, str(error))})

    async def looked_up(error: LookupError) -> object:
        return 404, f"{type(error).__name__}"

    router = (
        Router()
        .route("/outer", get(fails))
        .nest("/in", inner)
        .handle_error({LookupError: looked_up, Exception: lambda error: (500, "?")})
    )
    assert said(router, "GET /outer") == (404, "KeyError")
    assert said(router, "GET /in/inner") == (410, "'ada'")


def test_rejections_are_answered_as_the_router_says() -> None:
    router = Router().route("/", get(refuses)).on_rejection(lambda rejection: (418, rejection.detail))
    assert said(router, "GET /") == (418, "no")
    assert said(Router().route("/", get(refuses)), "GET /")[0] == 400


def test_layers_are_around_errors_that_are_answered() -> None:
    router = Router().route("/", get(fails)).handle_error({KeyError: lambda error: 404}).layer(tag("it"))
    assert layers_of(router, "GET /") == ["it"]


@pytest.mark.parametrize("handlers", [{"KeyError": fails}, {KeyError: 404}, {int: fails}])
def test_what_handles_no_error_is_refused(handlers: Any) -> None:
    with pytest.raises(TypeError, match="handle_error takes"):
        Router().handle_error(handlers)


def test_second_handler_of_an_error_is_refused() -> None:
    router = Router().on_rejection(lambda rejection: 400)
    with pytest.raises(ValueError, match="Rejection already has handler"):
        router.handle_error({Rejection: lambda error: 400})


# Registration by decorators, and what is there.


def test_functions_are_registered_by_decorators() -> None:
    app = Router()

    @app.get("/x")
    def read() -> str:
        return "read"

    @app.post("/x")
    @app.put("/x")
    @app.patch("/x")
    @app.delete("/x")
    @app.on("PURGE", "/x")
    def write() -> str:
        return "written"

    assert app.routes() == [
        Route("GET", "/x", read),
        *(Route(method, "/x", write) for method in ("PURGE", "DELETE", "PATCH", "PUT", "POST")),
    ]
    assert said(app, "PURGE /x") == (200, "written")
