"""MatchedPath: the route's path."""

import asyncio

from asked import ask

from fastloop_http import Request, Router, get
from fastloop_http.extract import MatchedPath


def test_path_is_the_route_as_it_was_added() -> None:
    assert ask(MatchedPath, "/users/7?a=b", path="/users/{id}") == "/users/{id}"


def test_path_has_the_prefixes_it_is_nested_under() -> None:
    async def path(matched: MatchedPath) -> str:
        return matched

    app = Router().nest("/api", Router().route("/users/{id}", get(path)))
    response = asyncio.run(app.oneshot(Request.build("GET", "/api/users/7")))
    assert response.body in ("/api/users/{id}", b"/api/users/{id}")
