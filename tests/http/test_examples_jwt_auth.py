"""jwt_auth: who gets a token, and which tokens let in."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from shown import Example, example

SECRET = "a secret of at least thirty-two bytes"
CREDENTIALS = {"client_id": "foo", "client_secret": "bar"}
CLAIMS = {"sub": "b@b.com", "company": "ACME", "exp": 2**31}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", SECRET)


def protected(running: Example, token: str) -> tuple[int, Any]:
    return running.ask("/protected", None, "-H", f"Authorization: Bearer {token}")


def test_documented_requests_are_answered() -> None:
    with example("jwt_auth") as running:
        first, second = running.documented()
        (answer, refused) = running.ask_as_documented()
        token = json.loads(answer.body)["access_token"]
        # "TOKEN" is none; what the first answer says goes in its place.
        assert refused.status == 401
        assert protected(running, token) == (
            200, b"Welcome to the protected area, b@b.com of ACME."
        )
    assert "TOKEN" in second
    assert "authorize" in first
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert claims["exp"] == pytest.approx(time.time() + 3600, abs=60)


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        ({**CREDENTIALS, "client_secret": "baz"}, 401),
        ({**CREDENTIALS, "client_secret": "bär"}, 401),
        ({**CREDENTIALS, "client_id": "fool"}, 401),
        ({"client_id": "foo"}, 422),
        ([], 422),
    ],
    ids=["secret", "secret-not-ascii", "client", "no-secret", "no-credentials"],
)
def test_wrong_credentials_get_no_token(credentials: object, status: int) -> None:
    with example("jwt_auth") as running:
        got, problem = running.ask("/authorize", credentials)
    assert (got, problem["status"]) == (status, status)


def encode(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def signed(claims: dict[str, Any], key: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm=algorithm)


VALID = signed(CLAIMS)
HEAD, PAYLOAD, SIGNATURE = VALID.split(".")

REFUSED = {
    "expired": signed({**CLAIMS, "exp": 1}),
    "never-expires": signed({"sub": "b@b.com", "company": "ACME"}),
    "no-company": signed({"sub": "b@b.com", "exp": 2**31}),
    "another-key": signed(CLAIMS, "another secret of more than thirty-two bytes"),
    "another-algorithm": signed(CLAIMS, SECRET * 2, "HS512"),
    "no-algorithm": f"{encode({'alg': 'none', 'typ': 'JWT'})}.{PAYLOAD}.",
    "changed": f"{HEAD}.{encode({**CLAIMS, 'sub': 'admin'})}.{SIGNATURE}",
    "no-token": "",
    "no-jwt": "a.b.c",
}


def test_only_valid_tokens_let_in() -> None:
    with example("jwt_auth") as running:
        assert protected(running, VALID)[0] == 200
        for why, token in REFUSED.items():
            assert protected(running, token)[0] == 401, why
        for fields in [(), ("-H", "Authorization: Basic Zm9vOmJhcg=="), ("-H", "Authorization: Bearer")]:
            answer = running.curl("/protected", *fields)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_without_a_secret_there_is_one_for_each_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JWT_SECRET")
    tokens = []
    for _ in range(2):
        with example("jwt_auth") as running:
            _, token = running.ask("/authorize", CREDENTIALS)
            tokens.append(token["access_token"])
            assert [protected(running, each)[0] for each in tokens] == [401] * (len(tokens) - 1) + [200]
