"""What atheris calls: compare the parser with the reference, guided by what the latter has not done yet."""

import sys
from collections.abc import Iterator

import atheris

with atheris.instrument_imports(include=["tests.oracles.http1"]):
    from tests.oracles.compare import TIGHT, TIGHT_BODIES, compare, compare_body
    from tests.oracles.http1 import BodyLimits, Limits

# As in target.pyx: which limits, and where to cut.
PREFIX = 4
HEADS = (Limits(), *TIGHT)
BODIES = (BodyLimits(), *TIGHT_BODIES)
# Places in the verdict on a head that is complete.
LENGTH, CHUNKED, SIZE = 8, 9, -1


def cuts(data: bytes, place: int, step: int) -> Iterator[list[bytes]]:
    """Data whole, in two, and in pieces of one size."""
    at = place % len(data)
    yield [data]
    yield [piece for piece in (data[:at], data[at:]) if piece]
    yield [data[start:start + step] for start in range(0, len(data), step)]


def compare_input(data: bytes) -> None:
    """Compare on a head and, if it is complete, on what follows it; raises Disagreement."""
    if len(data) <= PREFIX:
        return
    choice, place, step, _ = data[:PREFIX]
    request = data[PREFIX:]
    verdicts = [compare(pieces, HEADS[choice % len(HEADS)]) for pieces in cuts(request, place, 1 + step)]
    if verdicts[0][0] != "request":
        return
    body = request[verdicts[0][SIZE]:]
    length = None if verdicts[0][CHUNKED] else verdicts[0][LENGTH]
    if body and (length or verdicts[0][CHUNKED]):
        for pieces in cuts(body, place, 1 + step):
            compare_body(pieces, length, BODIES[choice % len(BODIES)])


if __name__ == "__main__":
    atheris.Setup(sys.argv, compare_input)
    atheris.Fuzz()
