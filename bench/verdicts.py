"""The outcome of a bench's bars."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """One bar's outcome; `figure` is what was measured, in words and numbers."""

    claim: str
    cleared: bool
    figure: str


def show(verdicts: Sequence[Verdict]) -> bool:
    """Print each bar with its figure; return whether there are any and all are cleared."""
    for verdict in verdicts:
        print(f"{'ok    ' if verdict.cleared else 'MISSED'}  {verdict.claim}: {verdict.figure}")
    if not verdicts:
        print("MISSED  some bar: this run is about none")
    return bool(verdicts) and all(verdict.cleared for verdict in verdicts)
