"""dependency_injection: what handlers get, from the app and from a test."""

import asyncio

import pytest
from shown import example

from examples.dependency_injection import current_user, make_app
from fastloop_http import Request

HEADERS = {"x-user": "ada", "content-type": "application/json"}


def test_documented_requests_are_answered() -> None:
    with example("dependency_injection") as notes:
        answers = notes.ask_as_documented()
    assert [(answer.status, answer.body) for answer in answers] == [
        (201, b""), (200, b'["buy milk"]'), (200, b'["ada adds \'buy milk\'"]'),
    ]


def test_users_have_notes_of_their_own() -> None:
    with example("dependency_injection") as notes:
        assert notes.ask("/notes", "hers", "-H", "X-User: ada") == (201, b"")
        assert notes.ask("/notes", None, "-H", "X-User: bob") == (200, [])
        assert notes.ask("/notes", None, "-H", "X-User: ada") == (200, ["hers"])


def test_nobody_and_no_note_are_refused() -> None:
    with example("dependency_injection") as notes:
        assert notes.ask("/notes")[0] == 403
        assert notes.ask("/notes", "mine")[0] == 403
        assert notes.ask("/notes", 3, "-H", "X-User: ada")[0] == 422
        assert notes.ask("/audit") == (200, [])


class Full:
    """Notes that take no more."""

    async def of(self, user: str) -> list[str]:
        return [f"a note of {user}"]

    async def add(self, user: str, note: str) -> None:
        raise OSError("no space left")


def test_other_notes_do_for_the_handlers() -> None:
    response = asyncio.run(make_app(Full()).oneshot(Request.build("GET", "/notes", HEADERS)))
    assert response.body == b'["a note of ada"]'


def test_what_has_failed_is_not_in_the_audit() -> None:
    app = make_app(Full())

    async def main() -> object:
        with pytest.raises(OSError, match="no space left"):
            await app.oneshot(Request.build("POST", "/notes", HEADERS, b'"mine"'))
        return (await app.oneshot(Request.build("GET", "/audit"))).body

    assert asyncio.run(main()) == b"[]"


def test_stand_in_for_the_user() -> None:
    app = make_app(Full())
    with app.override({current_user: lambda: "eve"}):
        response = asyncio.run(app.oneshot(Request.build("GET", "/notes")))
    assert response.body == b'["a note of eve"]'
