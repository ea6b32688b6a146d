"""Errors as answers: exceptions that know theirs, others that a router answers, and rejections.

`python examples/error_handling.py [address]`, then

    curl -i 127.0.0.1:3000/users/7
    curl -i --json '{"name": 3}' 127.0.0.1:3000/users
"""

import itertools
import sys
from dataclasses import dataclass, field

import msgspec

from fastloop_http import Answer, Json, Path, Rejection, Router, State, get, post, serve


class NewUser(msgspec.Struct):
    name: str


class User(msgspec.Struct):
    id: int
    name: str


class NameTaken(Exception):
    """An error that says itself what it is answered."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def into_response(self) -> Answer:
        return 409, {"error": f"{self.name} is taken"}


@dataclass
class Users:
    """A library that knows nothing of HTTP: it raises KeyError for users there are not."""

    by_id: dict[int, User] = field(default_factory=dict[int, User])
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def add(self, name: str) -> User:
        if any(user.name == name for user in self.by_id.values()):
            raise NameTaken(name)
        user = User(next(self.ids), name)
        self.by_id[user.id] = user
        return user


async def create(new: Json[NewUser], users: State[Users]) -> tuple[int, User]:
    return 201, users.add(new.name)


async def show(id: Path[int], users: State[Users]) -> User:
    return users.by_id[id]


def not_found(error: KeyError) -> Answer:
    return 404, {"error": f"there is no user {error}"}


def in_our_form(rejection: Rejection) -> Answer:
    return rejection.status, {"error": rejection.detail, "fields": [each.name for each in rejection.errors]}


def make_app() -> Router:
    return (
        Router()
        .route("/users", post(create))
        .route("/users/{id}", get(show))
        .handle_error({KeyError: not_found})
        .on_rejection(in_our_form)
        .with_state(Users())
    )


if __name__ == "__main__":
    serve(make_app(), *(sys.argv[1:] or ["127.0.0.1:3000"]))
