"""An app and its tests: by one request without a server, with stand-ins, and over real sockets.

`pytest examples/testing.py`, or `python examples/testing.py [address]` to serve it.
"""

import asyncio
import sys
from typing import Annotated

import msgspec

from fastloop_http import Depends, Header, Json, Rejection, Request, Router, State, get, post, serve
from fastloop_http.testing import TestClient


class Greetings(dict[str, str]):
    """How to greet, by language."""


class Message(msgspec.Struct):
    text: str


async def language(accept_language: Header[str] = "en") -> str:
    return accept_language[:2]


async def greet(greetings: State[Greetings], language: Annotated[str, Depends(language)]) -> str:
    if language not in greetings:
        raise Rejection(f"no greeting in {language!r}", status=404)
    return greetings[language]


async def shout(message: Json[Message]) -> Message:
    return Message(message.text.upper())


app = (
    Router()
    .route("/", get(greet))
    .route("/shout", post(shout))
    .with_state(Greetings(en="Hello", de="Hallo"))
)


def test_greets_in_the_language_of_the_request() -> None:
    response = asyncio.run(app.oneshot(Request.build("GET", "/", {"accept-language": "de-AT"})))
    assert (response.status, response.body) == (200, "Hallo")


def test_stand_ins_take_the_place_of_dependencies_and_states() -> None:
    async def swedish() -> str:
        return "sv"

    with app.override({language: swedish, Greetings: Greetings(sv="Hej")}):
        response = asyncio.run(app.oneshot(Request.build("GET", "/")))
    assert response.body == "Hej"


def test_shouts_over_a_real_socket() -> None:
    with TestClient(app) as client:
        assert client.post("/shout", json={"text": "hey"}).json() == {"text": "HEY"}
        refused = client.post("/shout", json={"text": 3})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/text"


if __name__ == "__main__":
    serve(app, *(sys.argv[1:] or ["127.0.0.1:3000"]))
