"""The figures of a run: what was timed, what follows from it, and its JSON form. Knows no parser."""

import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import records
from bench.pairs import Ratio, pair

SCHEMA = 1


@dataclass(frozen=True)
class Timed:
    """A contender's times of one case; with an error they count for nothing."""

    name: str
    ns: dict[int, float] = field(default_factory=dict)  # CPU time for one message, by round
    error: str | None = None

    @property
    def valid(self) -> bool:
        return bool(self.ns) and self.error is None

    @property
    def median_ns(self) -> float:
        return statistics.median(self.ns.values())


@dataclass(frozen=True)
class Row:
    """A case by every contender."""

    name: str
    title: str
    unit: str  # ns, ms or GB/s
    content_bytes: int
    timed: list[Timed]

    def valid(self, name: str) -> Timed | None:
        """Return the named contender's times if they hold."""
        return next((each for each in self.timed if each.name == name and each.valid), None)

    def ratio(self, name: str, against: str) -> Ratio | None:
        """Compare two contenders round by round; None where either has no valid figure."""
        ours, theirs = self.valid(name), self.valid(against)
        return pair(ours.ns, theirs.ns) if ours and theirs else None

    def shown(self, ns: float) -> float:
        """Convert to the case's unit."""
        return self.content_bytes / ns if self.unit == "GB/s" else ns / 1e6 if self.unit == "ms" else ns


@dataclass(frozen=True)
class Run:
    """All cases of one run, and on what it ran."""

    command: str
    seed: int
    rounds: int
    facts: dict[str, Any]
    rows: list[Row]
    missing: dict[str, str]  # cases, and why


def write(run: Run, path: Path) -> None:
    """Record the run as JSON."""
    records.write(path, SCHEMA, asdict(run))


def read(path: Path) -> Run:
    """Read what `write` wrote."""
    recorded = records.read(path, SCHEMA)
    rows = [
        Row(**{**row, "timed": [_timed(timed) for timed in row["timed"]]}) for row in recorded.pop("rows")
    ]
    return Run(**recorded, rows=rows)


def _timed(recorded: dict[str, Any]) -> Timed:
    # JSON has only strings for keys.
    ns = {int(number): ns for number, ns in recorded["ns"].items()}
    return Timed(recorded["name"], ns, recorded["error"])
