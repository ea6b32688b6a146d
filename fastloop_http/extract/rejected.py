"""Say in a rejection what does not fit: a sentence, and a list of all the parts."""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote

from fastloop_http.errors import FieldError, Rejection, excerpt
from fastloop_http.extract.failures import Failure, Place

R = TypeVar("R", bound=Rejection)

MISSING = "Missing"


def pointer(place: Place) -> str:
    """Return the JSON pointer to place as a URI fragment (RFC 6901 section 6)."""
    steps = (excerpt(str(step)).replace("~", "~0").replace("/", "~1") for step in place)
    return "#" + "".join("/" + quote(step, safe="~!$&'()*+,;=:@?", errors="replace") for step in steps)


def rejected(
    rejection: type[R], what: str, place: str, failures: Sequence[Failure], *, status: int | None = None
) -> R:
    """Return the rejection for failures.

    what: the part of the request, for the sentence. place: what FieldError names them by; "pointer" for JSON,
    else the first step to each is its name.
    """
    errors = [
        FieldError(
            place,
            pointer(failure.place) if place == "pointer" else excerpt(str(failure.place[0])),
            failure.detail if place == "pointer" else failure.detail.removesuffix(", got `str`"),
        )
        for failure in failures
    ]
    others = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return rejection(f"{what} {errors[0].name}: {errors[0].detail}{others}", status=status, errors=errors)
