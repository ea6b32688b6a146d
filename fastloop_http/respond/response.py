"""Response: what is answered to one request, and from which of a handler's values it is made.

Knows values, not sockets: the encoder sends what `Response.into_response` returns.
"""

import io
from collections.abc import AsyncIterable, Iterator
from datetime import datetime, timedelta
from typing import BinaryIO, Final, TypeAlias

import msgspec

from fastloop_http._h1.response import encode_json
from fastloop_http._h1.streamed import Stream
from fastloop_http._h1.upgrade import Upgrade
from fastloop_http.respond.answer import Answer, Content, Piece
from fastloop_http.respond.cookie import SameSite, cookie_line, removal_line
from fastloop_http.respond.headers import Fields, HasItems, ResponseHeaders

Body: TypeAlias = str | bytes | Stream | BinaryIO | Iterator[Piece] | AsyncIterable[Piece] | Upgrade

# Of one object that is an answer, to the next that it returns: more are a circle.
MAX_DEPTH = 16

TEXT: Final = ("content-type", "text/plain; charset=utf-8")
JSON: Final = ("content-type", "application/json")
OCTETS: Final = ("content-type", "application/octet-stream")

# The types of most bodies.
PLAIN: Final = frozenset({str, bytes, dict, list})


class Response:
    """What is answered to one request: status, headers and body, to be changed on its way out.

    body: str, bytes, an open file, an iterator or a Stream; None for an empty one. A dict, list,
    msgspec.Struct, dataclass or model of pydantic's is encoded as JSON here and now. headers: a mapping or
    pairs of str. They get a content-type by the body, unless they have one or the body is empty. One that is
    kept may be answered often, if its body is: layers are given a copy.

    Raises TypeError for another body and for headers that are not str, ValueError for a status outside of
    200 to 999.
    """

    __slots__ = ("_is_ours", "body", "headers", "status")

    status: int
    headers: ResponseHeaders
    body: Body
    _is_ours: bool  # made for one request, by into_response(): nobody else has kept it

    def __init__(
        self, body: Content = b"", status: int = 200, headers: Fields | HasItems = ()
    ) -> None:
        self.headers = fields = ResponseHeaders(headers)
        self.status = status if isinstance(body, Upgrade) else checked_status(status)
        self._is_ours = False
        self.body, content_type = body_of(body)
        if content_type is not None and "content-type" not in fields:
            fields.pairs().append(content_type)

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | timedelta | None = None,
        expires: datetime | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = True,
        http_only: bool = True,
        same_site: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Have the client keep a cookie (RFC 6265 section 4.1).

        max_age: seconds from now, or a timedelta; expires: a datetime with its time zone; without either it
        is kept till the browser ends. By default it is sent over HTTPS (or to localhost) only, not shown to
        scripts, and not sent with requests that other sites make. Raises TypeError or ValueError for what a
        browser would not keep, and for characters a cookie cannot have: percent-encode them.
        """
        self.headers.append(
            "set-cookie",
            cookie_line(
                name, value, max_age=max_age, expires=expires, path=path, domain=domain, secure=secure,
                http_only=http_only, same_site=same_site, partitioned=partitioned,
            ),
        )  # fmt: skip

    def delete_cookie(
        self,
        name: str,
        *,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = True,
        partitioned: bool = False,
    ) -> None:
        """Have the client forget a cookie; the options must be those it was set with."""
        self.headers.append(
            "set-cookie",
            removal_line(name, path=path, domain=domain, secure=secure, partitioned=partitioned),
        )

    def copy(self) -> "Response":
        """Return a Response with headers of its own, and the same body."""
        copied = new_response(Response)
        copied.status = self.status
        copied.headers = self.headers.copy()
        copied.body = self.body
        copied._is_ours = False
        return copied

    def into_response(self) -> Answer:
        """Return what the encoder takes: (status, pairs of str, body), or an Upgrade."""
        if isinstance(self.body, Upgrade):
            upgrade = self.body
            if self.status != upgrade_status(upgrade):
                raise ValueError(
                    f"a Response whose body is an Upgrade has status {upgrade_status(upgrade)}, not "
                    f"{self.status}; give it another body"
                )
            return Upgrade(
                upgrade.protocol_factory, protocol=upgrade.protocol, headers=self.headers.pairs()
            )
        # None has no content-type; b"" would get one.
        body = self.body or None if type(self.body) is bytes else self.body
        return self.status, self.headers.pairs(), body

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.headers.items()!r} {type(self.body).__name__}>"


new_response = Response.__new__
new_headers = ResponseHeaders.__new__


def into_response(value: object) -> Response:
    """Return the Response that a handler's value stands for.

    None: 200 and no body. An int: that status and no body. str, bytes, a dict, list, msgspec.Struct or
    dataclass (as JSON), an open file, an iterator, a Stream: a body. (status, body) and (status, headers,
    body), where body may be any of these but an int: status and headers go over what the body says itself,
    for each name that occurs in headers. Anything with `into_response()`: what that stands for. A Response
    is copied, unless it was made here: what layers add to it must not come up in another answer.

    Raises TypeError or ValueError for what is no answer.
    """
    # The commonest first, without the calls that all the others take.
    kind = type(value)
    if kind is str and value:
        field = TEXT
    elif kind is dict or kind is list:
        value = encode_json(value)
        field = JSON
    elif kind is bytes and value:
        field = OCTETS
    else:
        response = convert(value, 0)
        response._is_ours = True
        return response
    response = new_response(Response)
    response.status = 200
    response.headers = headers = new_headers(ResponseHeaders)
    headers._fields = [field]
    response.body = value  # type: ignore[assignment]
    response._is_ours = True
    return response


def convert(value: object, depth: int) -> Response:
    """Return the Response of value, met as the depth-th inside of an answer."""
    kind = type(value)
    if kind is Response:
        response: Response = value  # type: ignore[assignment]
        return response if response._is_ours else response.copy()
    if kind is tuple:
        return compose(value, depth)  # type: ignore[arg-type]
    if kind not in PLAIN:
        if value is None:
            return Response()
        if isinstance(value, int) and not isinstance(value, bool):
            return Response(b"", value)
        if isinstance(value, Upgrade):
            return Response(value, upgrade_status(value), value.headers)
        if hasattr(kind, "into_response"):
            return convert_object(value, depth)
    return Response(value)  # type: ignore[arg-type]  # refuses what it cannot take


def convert_object(value: object, depth: int) -> Response:
    """Return the Response of an object that has into_response()."""
    if depth == MAX_DEPTH:
        raise TypeError(
            f"{type(value).__name__}.into_response() has led to {MAX_DEPTH} more objects and to no answer; "
            f"return str, bytes, a dict or the like in the end"
        )
    return convert(value.into_response(), depth + 1)  # type: ignore[attr-defined]  # kind has it


def compose(value: tuple[object, ...], depth: int) -> Response:
    """Return the Response of (status, body) or (status, headers, body)."""
    status: object
    headers: object = ()
    if len(value) == 2:
        status, body = value
    elif len(value) == 3:
        status, headers, body = value
    else:
        raise TypeError(f"an answer is body, (status, body) or (status, headers, body), not {value!r}")
    checked = checked_status(status)
    if isinstance(body, (int, tuple)):
        raise TypeError(f"the body of {value!r} is {type(body).__name__}; use JsonResponse(...) or str(...)")
    if type(body) in PLAIN:
        response = into_response(body)
    else:
        inner = convert(body, depth)
        if isinstance(inner.body, Upgrade):
            raise TypeError("an Upgrade is an answer by itself; give it the headers")
        # Changed in place it would be changed for whoever has kept it.
        response = inner.copy()
    response.status = checked
    if headers:
        response.headers.extend(headers)  # type: ignore[arg-type]  # refuses what it cannot take
    return response


def body_of(value: object) -> tuple[Body, tuple[str, str] | None]:
    """Return the body that value stands for, and its content-type field where it has one."""
    if isinstance(value, str):
        return value, TEXT if value else None
    if isinstance(value, bytes):
        return value, OCTETS if value else None
    if value is None:
        return b"", None
    if is_json(value):
        return encode_json(value), JSON
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value), OCTETS if len(value) else None
    if isinstance(value, Upgrade):
        return value, None
    if isinstance(value, (Stream, io.IOBase)) or hasattr(type(value), "__aiter__") or hasattr(
        type(value), "__next__"
    ):
        return value, OCTETS  # type: ignore[return-value]
    raise TypeError(
        f"a handler answers str, bytes, dict, list, msgspec.Struct, a dataclass, a pydantic model, a file, "
        f"an iterator, a Stream, an Upgrade or an object with into_response(), (status, body) or (status, "
        f"headers, body), not {type(value).__name__}"
    )


def is_json(value: object) -> bool:
    """Say whether value is answered as JSON: dict, list, msgspec.Struct, dataclass or model of pydantic's."""
    kind = type(value)
    return (
        isinstance(value, (dict, list, msgspec.Struct))
        or hasattr(kind, "__dataclass_fields__")
        or hasattr(kind, "__pydantic_serializer__")
    )


def checked_status(status: object) -> int:
    """Return status if it is that of a final answer; else raise ValueError."""
    if not isinstance(status, int) or not 200 <= status <= 999:
        raise ValueError(f"status must be an int from 200 to 999, not {status!r}")
    return status


def upgrade_status(upgrade: Upgrade) -> int:
    """Return the status of an Upgrade: 200 opens the tunnel of CONNECT (RFC 9110 section 9.3.6)."""
    return 200 if upgrade.protocol is None else 101
