"""Rejections: how a request is answered that does not give a handler what it asks for (RFC 9457)."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from fastloop_http.respond.answer import Answer

# Of a peer's text in an answer: enough to find it, too little to make large answers of small requests.
LONGEST_EXCERPT = 80


def excerpt(text: str) -> str:
    """Return text, cut where it is longer than 80 characters."""
    return text if len(text) <= LONGEST_EXCERPT else f"{text[: LONGEST_EXCERPT - 3]}..."


class FieldError(NamedTuple):
    """What is wrong with one part of a request.

    place: what `name` is in, "pointer" where that is a JSON pointer into the body, as a URI fragment like
    "#/user/age" (RFC 6901 section 6), or "parameter", "header", "cookie", "field". detail: a sentence.
    """

    place: str
    name: str
    detail: str


class Rejection(Exception):
    """Why a request is refused before its handler runs, and what it is answered.

    status: of the answer. detail: a sentence for the client. errors: what is wrong with which part, all that
    was found. headers: of the answer, besides its content-type, as a 401 has to have www-authenticate.
    Raised by a handler, it is the answer as well.

    The answer is a problem details object (RFC 9457): type, title, status, detail, and errors where there are
    any. `Router.on_rejection` changes it for a router.
    """

    status: int = 400

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors: tuple[FieldError, ...] = tuple(errors)
        self.headers: dict[str, str] = dict(headers)
        if status is not None:
            self.status = status

    def problem(self) -> dict[str, Any]:
        """Return the problem details object, to be encoded as JSON."""
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            problem["errors"] = [{error.place: error.name, "detail": error.detail} for error in self.errors]
        return problem

    def into_response(self) -> "Answer":
        """Return what the request is answered."""
        headers = {**self.headers, "content-type": "application/problem+json"}
        return self.status, headers, msgspec.json.encode(self.problem())


class PathRejection(Rejection):
    """A capture of the path is not what the handler takes: 400."""


class QueryRejection(Rejection):
    """The query is malformed, or is not what the handler takes: 400."""


class HeaderRejection(Rejection):
    """A header field is missing, or is not what the handler takes: 400."""


class CookieRejection(Rejection):
    """A cookie is missing, or is not what the handler takes: 400."""


class BodyRejection(Rejection):
    """The body cannot be taken: 400 where it is not UTF-8, 413 where it is too large, 408 where too slow."""


class JsonRejection(BodyRejection):
    """The body is not JSON that the handler takes.

    400: it is not well-formed. 413: it is too large. 415: its Content-Type is not JSON. 422: it is not of the
    type that the handler takes.
    """


class FormRejection(BodyRejection):
    """The body, or the query where that is the form, is not a form that the handler takes.

    400: it is not well-formed. 413: it is too large. 415: its Content-Type is not a form's. 422: it is not of
    the type that the handler takes.
    """


class MultipartRejection(BodyRejection):
    """The body is not multipart/form-data: 400; or too large: 413."""


class ExtensionRejection(Rejection):
    """No layer has put what the handler takes into the request's extensions: 500."""

    status = 500
