"""What a Rejection is answered, by itself and as others derive from it."""

import msgspec
import pytest

from fastloop_http.errors import FieldError, Rejection
from fastloop_http.respond import Response, into_response


class Unauthorized(Rejection):
    status = 401


def problem(response: Response) -> object:
    assert response.headers["content-type"] == "application/problem+json"
    assert isinstance(response.body, bytes)
    return msgspec.json.decode(response.body)


@pytest.mark.parametrize(
    ("rejection", "status", "title"),
    [
        (Rejection("no"), 400, "Bad Request"),
        (Rejection("no", status=409), 409, "Conflict"),
        (Unauthorized("no"), 401, "Unauthorized"),
        (Unauthorized("no", status=403), 403, "Forbidden"),
    ],
)
def test_rejection_is_answered_as_problem_details(rejection: Rejection, status: int, title: str) -> None:
    response = into_response(rejection)
    assert response.status == status
    assert problem(response) == {"type": "about:blank", "title": title, "status": status, "detail": "no"}
    assert str(rejection) == "no"


def test_what_is_wrong_is_listed() -> None:
    errors = [FieldError("pointer", "#/age", "not a number"), FieldError("header", "x-age", "missing")]
    listed = problem(into_response(Rejection("no", errors=errors)))
    assert listed["errors"] == [  # type: ignore[index]
        {"pointer": "#/age", "detail": "not a number"}, {"header": "x-age", "detail": "missing"},
    ]


def test_headers_are_those_of_the_answer_but_for_its_type() -> None:
    headers = {"www-authenticate": "Bearer", "content-type": "text/plain"}
    response = into_response(Unauthorized("no", headers=headers))
    assert response.headers.items() == [
        ("www-authenticate", "Bearer"), ("content-type", "application/problem+json"),
    ]


def test_headers_are_of_one_rejection() -> None:
    first, second = Rejection("no"), Rejection("no")
    first.headers["retry-after"] = "1"
    assert second.headers == {}
