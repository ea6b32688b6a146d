"""Two measured side by side: their ratio in each round. What slowed one in a round slowed the other."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """One's cost as a multiple of another's: the median over the rounds that have both, and the extremes."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.3g}x ({self.least:.3g}-{self.most:.3g})"


def pair(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Ratio | None:
    """Compare costs by round; None where no round has both."""
    ratios = [cost / theirs[number] for number, cost in ours.items() if theirs.get(number)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios)) if ratios else None
