"""JSON Web Tokens: a handler takes `Claims`, and gets them only of a token that is signed and valid.

`python examples/jwt_auth.py [address]`, then

    curl --json '{"client_id": "foo", "client_secret": "bar"}' 127.0.0.1:3000/authorize
    curl -H 'Authorization: Bearer TOKEN' 127.0.0.1:3000/protected

Tokens are signed with JWT_SECRET; without it with one that is forgotten when the program ends.
"""

import hmac
import os
import secrets
import sys
import time
from typing import Self

import jwt
import msgspec

from fastloop_http import Json, Rejection, Request, Router, get, post, serve

SECRET = os.environ.get("JWT_SECRET") or secrets.token_hex()
LIFETIME_S = 3600


class Unauthorized(Rejection):
    """It is not known who asks."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, status=401, headers={"www-authenticate": "Bearer"})


class Credentials(msgspec.Struct):
    client_id: str
    client_secret: str


class Token(msgspec.Struct):
    access_token: str
    token_type: str = "Bearer"


class Claims(msgspec.Struct):
    """What a token says; an extractor, as it has from_request()."""

    sub: str
    company: str
    exp: int  # seconds since 1970; jwt looks whether they have passed

    @classmethod
    def from_request(cls, request: Request) -> Self:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("a bearer token is missing")
        try:
            return msgspec.convert(jwt.decode(token, SECRET, algorithms=["HS256"]), cls)
        except (jwt.InvalidTokenError, msgspec.ValidationError) as error:
            raise Unauthorized("the token is not valid") from error


async def authorize(credentials: Json[Credentials]) -> Token:
    # A real one would look into a database.
    right = hmac.compare_digest(credentials.client_secret.encode(), b"bar")
    if credentials.client_id != "foo" or not right:
        raise Unauthorized("the credentials are wrong")
    claims = Claims("b@b.com", "ACME", int(time.time()) + LIFETIME_S)
    return Token(jwt.encode(msgspec.to_builtins(claims), SECRET, algorithm="HS256"))


async def protected(claims: Claims) -> str:
    return f"Welcome to the protected area, {claims.sub} of {claims.company}."


app = Router().route("/authorize", post(authorize)).route("/protected", get(protected))

if __name__ == "__main__":
    serve(app, *(sys.argv[1:] or ["127.0.0.1:3000"]))
