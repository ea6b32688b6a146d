"""Session: what a site remembers of a browser, in a cookie that it has signed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from fastloop_http._h1.request import Request
from fastloop_http._h1.response import encode_json
from fastloop_http.middleware.checks import check_flag, check_int
from fastloop_http.middleware.layer import Next
from fastloop_http.middleware.optional import optional_module
from fastloop_http.respond.cookie import SameSite
from fastloop_http.respond.response import Response

# A key that is shorter can be guessed: 128 bits are 16 random bytes.
SHORTEST_KEY = 16

decode_json = msgspec.json.Decoder(dict[str, Any]).decode


class Session:
    """Keep a mapping for each browser: `request.extensions["session"]`, a dict.

    It comes with its request in a cookie that only this site can have signed, and goes back in the response
    where it has changed; emptied, the cookie is deleted. Its values are what JSON has. It is signed, not
    encrypted: its browser can read it, and can send an earlier one again until that is max_age_s old.

    secret_key: str or bytes of 16 bytes at least, such as secrets.token_hex(32). Several, to change them: the
    first signs, and cookies that the others have signed are taken. cookie: its name. max_age_s: from its last
    change on. same_site: "strict" leaves it out where the browser comes from another site, as from a link or
    a login elsewhere; "lax" does so only for what a link does not send. The other options are those of
    `Response.set_cookie`.

    Needs `pip install 'fastloop[session]'`. Raises TypeError or ValueError for malformed options; a session
    too large for a cookie is a ValueError when it is answered.
    """

    __slots__ = (
        "_attributes", "_cookie", "_decode", "_encode", "_max_age_s", "_place", "_refused", "_signer"
    )  # fmt: skip

    def __init__(
        self,
        secret_key: str | bytes | Sequence[str | bytes],
        *,
        cookie: str = "session",
        max_age_s: int = 14 * 24 * 3600,
        path: str = "/",
        domain: str | None = None,
        secure: bool = True,
        http_only: bool = True,
        same_site: SameSite = "strict",
    ) -> None:
        check_int("max_age_s", max_age_s, 1)
        check_flag("secure", secure)
        check_flag("http_only", http_only)
        itsdangerous = optional_module("itsdangerous", "session", "Session")
        self._cookie = cookie
        self._max_age_s = max_age_s
        self._place: dict[str, Any] = {"path": path, "domain": domain, "secure": secure}
        self._attributes: dict[str, Any] = {
            **self._place, "max_age": max_age_s, "http_only": http_only, "same_site": same_site
        }  # fmt: skip
        Response().set_cookie(cookie, "", **self._attributes)  # raises for what is malformed
        self._signer = itsdangerous.TimestampSigner(
            # It signs with the last.
            keys_of(secret_key)[::-1],
            # What the key has signed as another cookie, or elsewhere, is not taken.
            salt=f"fastloop_http.session:{cookie}:".encode(),
            key_derivation="hmac",
            digest_method=sha256,
        )
        self._refused: type[Exception] = itsdangerous.BadData
        self._encode: Callable[[bytes], bytes] = itsdangerous.encoding.base64_encode
        self._decode: Callable[[bytes], bytes] = itsdangerous.encoding.base64_decode

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request, with its session."""
        before, session = self._received(request)
        request.extensions["session"] = session
        response = await next(request)
        # What a page shows of a session is not for others that a cache may give it to.
        response.headers.add_vary("cookie")
        kept = request.extensions.get("session")  # it may be another one
        if not kept:
            if before is not None:
                response.delete_cookie(self._cookie, **self._place)
            return response
        after = encode_json(kept)
        if after != before:
            value = self._signer.sign(self._encode(after)).decode()
            response.set_cookie(self._cookie, value, **self._attributes)
        return response

    def _received(self, request: Request) -> tuple[bytes | None, dict[str, Any]]:
        """Return the session that a request comes with, as JSON and as a dict; None and {} without one."""
        for value in cookie_values(request, self._cookie):
            try:
                text = self._decode(self._signer.unsign(value, max_age=self._max_age_s))
                return text, decode_json(text)
            except (self._refused, msgspec.MsgspecError):
                continue  # somebody else's, or too old
        return None, {}


def cookie_values(request: Request, name: str) -> Iterator[str]:
    """Yield the values of the cookies of this name that a request has (RFC 6265 section 5.4)."""
    for field in request.headers.getall("cookie"):
        for pair in field.split(";"):
            found, _, value = pair.partition("=")
            if found.strip() == name:
                yield value.strip()


def keys_of(secret_key: object) -> list[bytes]:
    """Return keys as bytes, the one that signs first; TypeError or ValueError for what cannot be one."""
    single = isinstance(secret_key, (str, bytes))
    keys = [secret_key] if single or not isinstance(secret_key, Iterable) else list(secret_key)
    if not keys:
        raise ValueError("secret_key has no key; give it one, such as secrets.token_hex(32)")
    found = []
    for key in keys:
        if not isinstance(key, (str, bytes)):
            raise TypeError(f"secret_key must be str or bytes, or several, not {type(key).__name__}")
        found.append(key.encode() if isinstance(key, str) else key)
        if len(found[-1]) < SHORTEST_KEY:
            # Not the key itself, which logs would keep.
            raise ValueError(
                f"secret_key has {len(found[-1])} bytes, at least {SHORTEST_KEY} are needed; "
                f"use secrets.token_hex(32)"
            )
    return found
