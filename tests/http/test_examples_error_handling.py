"""error_handling: each kind of error, as its client and the log see it."""

import json

from shown import example


def test_documented_requests_are_answered() -> None:
    with example("error_handling", logs=True) as users:
        answers = users.ask_as_documented()
    assert [(answer.status, answer.body.decode()) for answer in answers] == [
        (201, '{"id":1,"name":"Ada"}'),
        (409, '{"error":"Ada is taken"}'),
        (422, '{"error":"' + json.loads(answers[2].body)["error"] + '","fields":["#/name"]}'),
        (404, '{"error":"there is no user 7"}'),
        (500, "Internal Server Error"),
    ]
    # Only what nobody answers for is an error to the log.
    assert users.log.count("Traceback") == 1
    assert "ZeroDivisionError" in users.log


def test_every_rejection_has_the_form_of_the_app() -> None:
    with example("error_handling") as users:
        for path, arguments, status, fields in [
            ("/users", ["--json", "{"], 400, []),
            ("/users", ["--data", '{"name": "Ada"}'], 415, []),
            ("/users", ["--json", "{}"], 422, ["#/name"]),
            ("/users/seven", [], 400, ["id"]),
        ]:
            got, body = users.ask(path, None, *arguments)
            assert (got, body["fields"]) == (status, fields), body
            assert isinstance(body["error"], str)
        assert users.ask("/users", {"name": "Ada"}) == (201, {"id": 1, "name": "Ada"})
        assert users.ask("/users/1") == (200, {"id": 1, "name": "Ada"})
