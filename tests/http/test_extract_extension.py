"""Extension: what layers have put into the request, and 500 where they have not."""

import asyncio
from typing import Annotated, Any

import msgspec
from asked import Refused, ask, handler_taking

from fastloop_http import Request, Router, get
from fastloop_http.extract import Extension, FromExtension


class User(msgspec.Struct):
    name: str


def extended(annotation: Any, extensions: dict[Any, Any]) -> Any:
    async def layer(request: Request, next: Any) -> Any:
        request.extensions.update(extensions)
        return await next(request)

    handler, seen = handler_taking(annotation)
    asyncio.run(Router().route("/", get(handler)).layer(layer).oneshot(Request.build("GET", "/")))
    return seen[0]


def test_extension_is_found_by_type() -> None:
    assert extended(Extension[User], {User: User("Ada")}) == User("Ada")
    assert extended(Extension[User] | None, {User: User("Ada")}) == User("Ada")


def test_extension_is_found_by_key() -> None:
    assert extended(Annotated[str, FromExtension("id")], {"id": "7"}) == "7"


def test_extension_that_is_missing_is_the_servers_error() -> None:
    assert ask(Extension[User]) == Refused(500, [])


def test_extension_that_is_missing_is_none_or_its_default() -> None:
    assert ask(Extension[User] | None) is None
    assert ask(Extension[User], default=User("Bob")) == User("Bob")
