"""What a handler's parameter is filled with for a request, or what the request is refused with; no server."""

import asyncio
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
import pytest

from fastloop_http import Request, Router, any_method

EMPTY: Any = inspect.Parameter.empty

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


class Refused(NamedTuple):
    """A rejection: errors are (name or pointer, detail), whatever they are called."""

    status: int
    errors: list[tuple[str, str]]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.errors]


def handler_taking(annotation: Any, name: str = "x", default: Any = EMPTY) -> Any:
    """Return a handler with one parameter, and the list it puts what it gets into."""
    seen: list[Any] = []

    async def handler(**values: Any) -> None:
        seen.append(values[name])

    parameter = inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )
    handler.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    return handler, seen


def ask(
    annotation: Any,
    target: str = "/",
    *,
    name: str = "x",
    default: Any = EMPTY,
    path: str | None = None,
    states: Iterable[object] = (),
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Any:
    """Return what a parameter gets, or Refused."""
    handler, seen = handler_taking(annotation, name, default)
    app = Router().route(target.partition("?")[0] if path is None else path, any_method(handler))
    for state in states:
        app.with_state(state)
    response = asyncio.run(app.oneshot(Request.build(method, target, headers=headers, body=body)))
    if seen:
        assert response.status == 200
        return seen[0]
    assert response.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(response.body)
    assert problem["status"] == response.status
    errors = []
    for error in problem.get("errors", ()):
        (place,) = error.keys() - {"detail"}
        errors.append((error[place], error["detail"]))
    return Refused(response.status, errors)


def refusal(annotation: Any, *, path: str = "/", name: str = "x", states: Iterable[object] = ()) -> str:
    """Return why a handler with such a parameter cannot be added, or compiled."""
    handler, _ = handler_taking(annotation, name)

    def compile_app() -> None:
        app = Router().route(path, any_method(handler))
        for state in states:
            app.with_state(state)
        app.compile()

    with pytest.raises(TypeError, match=f"parameter {name!r}") as caught:
        compile_app()
    return str(caught.value)
