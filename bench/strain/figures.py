"""The figures of a run: what each case came to in each round, and its JSON form. Knows no servers."""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import records

SCHEMA = 1


@dataclass(frozen=True)
class Outcome:
    """One round of a case: its figures by name, and what went wrong besides."""

    figures: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A case, and its rounds."""

    name: str
    title: str
    rounds: list[Outcome]

    def worst(self, figure: str) -> float | None:
        """Return the highest of a figure; None where a round lacks it."""
        values = [each.figures[figure] for each in self.rounds if figure in each.figures]
        return max(values) if values and len(values) == len(self.rounds) else None


@dataclass(frozen=True)
class Run:
    """All cases of one run, and on what it ran."""

    command: str
    seed: int
    rounds: int
    scale: float
    facts: dict[str, Any]
    rows: list[Row]


def percentile(samples: list[float], part: float) -> float:
    """Return the smallest sample that so large a part of all does not exceed."""
    ordered = sorted(samples)
    return ordered[max(math.ceil(part * len(ordered)), 1) - 1]


def write(run: Run, path: Path) -> None:
    """Record the run as JSON."""
    records.write(path, SCHEMA, asdict(run))


def read(path: Path) -> Run:
    """Read what `write` wrote."""
    recorded = records.read(path, SCHEMA)
    rows = [
        Row(**{**row, "rounds": [Outcome(**each) for each in row["rounds"]]}) for row in recorded.pop("rows")
    ]
    return Run(**recorded, rows=rows)
