"""Dependencies: handlers say what they need by a protocol, and the app what they get.

`python examples/dependency_injection.py [address]`, then

    curl -H 'X-User: ada' --json '"buy milk"' 127.0.0.1:3000/notes
    curl -H 'X-User: ada' 127.0.0.1:3000/notes
    curl 127.0.0.1:3000/audit
"""

import sys
from collections.abc import AsyncIterator
from typing import Annotated, Protocol

from fastloop_http import Depends, Header, Json, Rejection, Router, State, get, serve


class Notes(Protocol):
    """What handlers ask for: anything that does these."""

    async def of(self, user: str) -> list[str]: ...
    async def add(self, user: str, note: str) -> None: ...


class InMemory:
    """What they get here; with a database it would be another class, and the handlers the same."""

    def __init__(self) -> None:
        self.notes: dict[str, list[str]] = {}

    async def of(self, user: str) -> list[str]:
        return self.notes.get(user, [])

    async def add(self, user: str, note: str) -> None:
        self.notes.setdefault(user, []).append(note)


class Audit(list[str]):
    """What has been done, and by whom."""


async def current_user(x_user: Header[str | None]) -> str:
    if not x_user:
        raise Rejection("say who you are in X-User", status=403)
    return x_user


CurrentUser = Annotated[str, Depends(current_user)]


async def steps(user: CurrentUser, audit: State[Audit]) -> AsyncIterator[list[str]]:
    done: list[str] = []
    yield done
    # Not where the handler has raised: that is raised at the yield.
    audit += [f"{user} {step}" for step in done]


Steps = Annotated[list[str], Depends(steps)]


async def list_notes(user: CurrentUser, notes: State[Notes]) -> list[str]:
    return await notes.of(user)


async def add_note(user: CurrentUser, note: Json[str], notes: State[Notes], steps: Steps) -> int:
    steps.append(f"adds {note!r}")
    await notes.add(user, note)
    return 201


async def show_audit(audit: State[Audit]) -> list[str]:
    return audit


def make_app(notes: Notes) -> Router:
    return (
        Router()
        .route("/notes", get(list_notes).post(add_note))
        .route("/audit", get(show_audit))
        .with_state(notes, Notes)
        .with_state(Audit())
    )


if __name__ == "__main__":
    serve(make_app(InMemory()), *(sys.argv[1:] or ["127.0.0.1:3000"]))
