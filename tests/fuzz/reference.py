"""What atheris calls: compare the parser with the reference, guided by what the latter has not done yet."""

import sys

import atheris

with atheris.instrument_imports(include=["tests.oracles.http1"]):
    from tests.oracles.compare import TIGHT, compare
    from tests.oracles.http1 import Limits

# As in target.pyx: which limits, and where to cut.
PREFIX = 4
CHOICES = (Limits(), *TIGHT)


def compare_input(data: bytes) -> None:
    """Compare on data whole, in two, and in pieces of one size; raises Disagreement."""
    if len(data) <= PREFIX:
        return
    limits = CHOICES[data[0] % len(CHOICES)]
    request = data[PREFIX:]
    at, step = data[1] % len(request), 1 + data[2]
    for pieces in (
        [request], [request[:at], request[at:]],
        [request[start:start + step] for start in range(0, len(request), step)],
    ):
        compare([piece for piece in pieces if piece], limits)


if __name__ == "__main__":
    atheris.Setup(sys.argv, compare_input)
    atheris.Fuzz()
