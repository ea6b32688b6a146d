"""The figures of a run: what the probes saw, what follows from it, and its JSON form. Knows no loops."""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import records

SCHEMA = 1


@dataclass(frozen=True)
class Seen:
    """What one loop showed in a probe, over all rounds."""

    loop: str
    samples: list[float] = field(default_factory=list)
    starved: int = 0  # questions that were never answered
    errors: list[str] = field(default_factory=list)

    @property
    def early(self) -> int:
        """How many samples are below zero."""
        return sum(sample < 0 for sample in self.samples)

    def percentile(self, part: float) -> float:
        """Return the smallest sample that so large a part of all does not exceed."""
        ordered = sorted(self.samples)
        return ordered[max(math.ceil(part * len(ordered)), 1) - 1]


@dataclass(frozen=True)
class Row:
    """A probe, and what it saw of each loop."""

    name: str
    title: str
    unit: str
    is_timer: bool
    loops: list[Seen]


@dataclass(frozen=True)
class Run:
    """All probes of one run, and on what it ran."""

    command: str
    seed: int
    rounds: int
    seconds: float
    facts: dict[str, Any]
    rows: list[Row]
    missing: dict[str, str]  # loops, and why


def write(run: Run, path: Path) -> None:
    """Record the run as JSON."""
    records.write(path, SCHEMA, asdict(run))


def read(path: Path) -> Run:
    """Read what `write` wrote."""
    recorded = records.read(path, SCHEMA)
    rows = [
        Row(**{**row, "loops": [Seen(**seen) for seen in row["loops"]]}) for row in recorded.pop("rows")
    ]
    return Run(**recorded, rows=rows)
