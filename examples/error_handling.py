"""Errors as answers: exceptions that know theirs, others that a router answers, and rejections.

`python examples/error_handling.py [address]`, then

    curl -i --json '{"name": "Ada"}' 127.0.0.1:3000/users
    curl -i --json '{"name": "Ada"}' 127.0.0.1:3000/users
    curl -i --json '{"name": 3}' 127.0.0.1:3000/users
    curl -i 127.0.0.1:3000/users/7
    curl -i 127.0.0.1:3000/broken
"""

import itertools
import sys

import msgspec

from fastloop_http import Answer, Json, Path, Rejection, Router, State, get, post, serve


class NewUser(msgspec.Struct):
    name: str


class User(msgspec.Struct):
    id: int
    name: str


class NameTaken(Exception):
    """An error that says itself what it is answered."""

    def into_response(self) -> Answer:
        return 409, {"error": f"{self} is taken"}


class NoSuchUser(Exception):
    """An error of code that knows nothing of HTTP; what it is answered, the router says."""


class Users:
    def __init__(self) -> None:
        self.by_id: dict[int, User] = {}
        self.ids = itertools.count(1)

    def add(self, name: str) -> User:
        if any(user.name == name for user in self.by_id.values()):
            raise NameTaken(name)
        user = User(next(self.ids), name)
        self.by_id[user.id] = user
        return user

    def find(self, id: int) -> User:
        if id not in self.by_id:
            raise NoSuchUser(id)
        return self.by_id[id]


async def create(new: Json[NewUser], users: State[Users]) -> tuple[int, User]:
    return 201, users.add(new.name)


async def show(id: Path[int], users: State[Users]) -> User:
    return users.find(id)


async def broken() -> int:
    # Nobody answers for this: the client is told "Internal Server Error", and the log what it is.
    return 1 // 0


def not_found(error: NoSuchUser) -> Answer:
    return 404, {"error": f"there is no user {error}"}


def in_our_form(rejection: Rejection) -> Answer:
    return rejection.status, {"error": rejection.detail, "fields": [each.name for each in rejection.errors]}


def make_app() -> Router:
    return (
        Router()
        .route("/users", post(create))
        .route("/users/{id}", get(show))
        .route("/broken", get(broken))
        .handle_error({NoSuchUser: not_found})
        .on_rejection(in_our_form)
        .with_state(Users())
    )


if __name__ == "__main__":
    serve(make_app(), *(sys.argv[1:] or ["127.0.0.1:3000"]))
