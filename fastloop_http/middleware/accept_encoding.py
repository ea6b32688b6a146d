"""Accept-Encoding: which content coding a client likes best (RFC 9110 section 12.5.3)."""

import re
from collections.abc import Iterable, Sequence

# codings [ weight ]; qvalue: up to three digits, at most 1.
CODING = re.compile(
    r"[ \t]*+([!#$%&'*+\-.^_`|~0-9A-Za-z]++)[ \t]*+"
    r"(?:;[ \t]*+[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*+)?",
    re.ASCII,
)


def weights(fields: Iterable[str]) -> dict[str, float]:
    """Return what the fields say of each coding, in lower case; what is malformed is passed over."""
    found: dict[str, float] = {}
    for field in fields:
        for element in field.split(","):
            coding = CODING.fullmatch(element)
            if coding is not None:
                name = coding[1].lower().removeprefix("x-")  # x-gzip is gzip (section 8.4.1.3)
                found.setdefault(name, 1.0 if coding[2] is None else float(coding[2]))
    return found


def chosen_coding(fields: Iterable[str], offered: Sequence[str]) -> str | None:
    """Return which of the codings offered, the best first, to send; None for content as it is.

    The one of the highest weight; among equals the first. None, too, where the client likes that better, and
    where it says nothing.
    """
    accepted = weights(fields)
    others = accepted.get("*", 0.0)
    best, best_weight = None, 0.0
    for coding in offered:
        weight = accepted.get(coding, others)
        if weight > best_weight:
            best, best_weight = coding, weight
    return None if accepted.get("identity", 0.0) > best_weight else best
