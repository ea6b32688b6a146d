"""JsonResponse: any value as JSON."""

import datetime
import uuid

import msgspec
import pytest

from fastloop_http.respond import JsonResponse, into_response


class Point(msgspec.Struct):
    x: int


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ("text", b'"text"'),
        (None, b"null"),
        (404, b"404"),
        (True, b"true"),
        ((1, "x"), b'[1,"x"]'),
        ({"a": Point(1)}, b'{"a":{"x":1}}'),
        (datetime.date(2030, 1, 2), b'"2030-01-02"'),
        (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
    ],
)
def test_value_that_would_be_another_answer_is_json(value: object, body: bytes) -> None:
    response = into_response((201, JsonResponse(value)))
    assert (response.status, response.body) == (201, body)
    assert response.headers.items() == [("content-type", "application/json")]


def test_what_json_cannot_say_is_an_error() -> None:
    with pytest.raises(TypeError, match="object is nothing that JSON can say; make it of"):
        JsonResponse(object()).into_response()
