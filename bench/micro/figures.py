"""The figures of a run: what was timed, what follows from it, and its JSON form. Knows no processes."""

import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import records
from bench.loops import OURS
from bench.pairs import Ratio, pair

SCHEMA = 1


@dataclass(frozen=True)
class LoopResult:
    """A loop's times of one workload; with an error they count for nothing."""

    loop: str
    ns: dict[int, float] = field(default_factory=dict)  # for one operation, by round
    error: str | None = None

    @property
    def valid(self) -> bool:
        return bool(self.ns) and self.error is None

    @property
    def median_ns(self) -> float:
        return statistics.median(self.ns.values())


@dataclass(frozen=True)
class Row:
    """A workload on every loop that was asked."""

    name: str
    title: str
    loops: list[LoopResult]

    def valid(self, loop: str) -> LoopResult | None:
        """Return the named loop's result if it holds."""
        return next((each for each in self.loops if each.loop == loop and each.valid), None)

    def fastest_peer(self) -> str | None:
        """Name the fastest loop that is not ours."""
        peers = [each for each in self.loops if each.valid and each.loop != OURS]
        return min(peers, key=lambda each: each.median_ns).loop if peers else None

    def ratio(self, loop: str, against: str) -> Ratio | None:
        """Compare two loops round by round; None where either has no valid figure."""
        ours, theirs = self.valid(loop), self.valid(against)
        return pair(ours.ns, theirs.ns) if ours and theirs else None


@dataclass(frozen=True)
class Run:
    """All workloads of one run, the memory of pending timers by loop, and on what it ran."""

    command: str
    seed: int
    rounds: int
    facts: dict[str, Any]
    rows: list[Row]
    memory: dict[str, dict[str, float]]  # bytes a timer, as `pending` names them
    missing: dict[str, str]  # loops, and why


def write(run: Run, path: Path) -> None:
    """Record the run as JSON."""
    records.write(path, SCHEMA, asdict(run))


def read(path: Path) -> Run:
    """Read what `write` wrote."""
    recorded = records.read(path, SCHEMA)
    rows = [
        Row(row["name"], row["title"], [_loop_result(loop) for loop in row["loops"]])
        for row in recorded.pop("rows")
    ]
    return Run(**recorded, rows=rows)


def _loop_result(recorded: dict[str, Any]) -> LoopResult:
    # JSON has only strings for keys.
    ns = {int(number): ns for number, ns in recorded["ns"].items()}
    return LoopResult(recorded["loop"], ns, recorded["error"])
