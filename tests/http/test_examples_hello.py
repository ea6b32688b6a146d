"""hello: text, a path with a capture, JSON, and a body sent back."""

import pytest
from shown import example

TEXT = "text/plain; charset=utf-8"


def test_documented_requests_are_answered() -> None:
    with example("hello") as hello:
        answers = hello.ask_as_documented()
    assert [(answer.status, answer.headers["content-type"], answer.body) for answer in answers] == [
        (200, TEXT, b"Hello, World!"),
        (200, TEXT, b"Greetings, Ferris!"),
        (200, "application/json", b'{"message":"Hello, World!"}'),
        (200, "application/octet-stream", b"over and out"),
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "body"),
    [
        (["/greet/caf%C3%A9"], 200, "Greetings, café!".encode()),
        (["/greet/%ff"], 400, b"Bad Request: path is not percent-encoded UTF-8"),
        (["/greet/"], 404, b"Not Found"),
        (["/echo"], 405, b"Method Not Allowed"),
        (["/", "--head"], 200, b""),
    ],
    ids=["capture", "no-utf-8", "no-capture", "method", "head"],
)
def test_other_requests(arguments: list[str], status: int, body: bytes) -> None:
    with example("hello") as hello:
        answer = hello.curl(*arguments)
    if "--head" in arguments:
        answer = answer._replace(body=b"")  # curl shows the head in its place
    assert (answer.status, answer.body) == (status, body)
