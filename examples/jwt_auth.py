"""JSON Web Tokens: a handler takes `Claims`, and gets them only of a token that is signed and valid.

`python examples/jwt_auth.py [address]`, then

    curl --json '{"client_id": "foo", "client_secret": "bar"}' 127.0.0.1:3000/authorize
    curl -H 'Authorization: Bearer TOKEN' 127.0.0.1:3000/protected
"""

import hmac
import os
import sys
import time

import jwt
import msgspec

from fastloop_http import Json, Rejection, Request, Router, get, post, serve

SECRET = os.environ.get("JWT_SECRET", "not for anything but trying this out")
LIFETIME_S = 3600


class AuthRejection(Rejection):
    """Who it is is not known."""

    status = 401


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
    exp: int

    @classmethod
    def from_request(cls, request: Request) -> "Claims":
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise AuthRejection("a bearer token is missing")
        try:
            return msgspec.convert(jwt.decode(token, SECRET, algorithms=["HS256"]), Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError) as error:
            raise AuthRejection("the token is not valid") from error


async def authorize(credentials: Json[Credentials]) -> Token:
    # A real one would look into a database.
    known = hmac.compare_digest(credentials.client_secret, "bar")
    if credentials.client_id != "foo" or not known:
        raise AuthRejection("wrong credentials")
    claims = Claims("b@b.com", "ACME", int(time.time()) + LIFETIME_S)
    return Token(jwt.encode(msgspec.to_builtins(claims), SECRET, algorithm="HS256"))


async def protected(claims: Claims) -> str:
    return f"Welcome to the protected area, {claims.sub} of {claims.company}."


app = Router().route("/authorize", post(authorize)).route("/protected", get(protected))

if __name__ == "__main__":
    serve(app, *(sys.argv[1:] or ["127.0.0.1:3000"]))
