"""The figures of a run: what was measured, what follows from it, and its JSON form. Knows no sockets."""

import math
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import records
from bench.pairs import pair

SCHEMA = 1


@dataclass(frozen=True)
class Burst:
    """One server's burst in one round."""

    round: int
    position: int  # its place in the round's shuffled order
    requests: int
    rps: float
    cpu_us: float  # server CPU time per request
    error: str | None = None


@dataclass(frozen=True)
class Figures:
    """What a server's bursts amount to. Ratio and tax compare with the base in the same round."""

    cpu_us: float
    ratio: float
    ratio_min: float
    ratio_max: float
    tax_us: float
    rps: float


@dataclass(frozen=True)
class ServerResult:
    """A server in a case. With any error its figures are invalid; with no pair of bursts there are none."""

    name: str
    figures: Figures | None
    rss_mb: float
    errors: list[str]
    bursts: list[Burst]

    @property
    def valid(self) -> bool:
        return self.figures is not None and not self.errors


@dataclass(frozen=True)
class CaseResult:
    """A case: its servers from the cheapest up, and those that could not be measured, with the reason."""

    name: str
    title: str
    parameters: dict[str, Any]
    servers: list[ServerResult]
    missing: dict[str, str] = field(default_factory=dict)

    def valid(self, name: str) -> ServerResult | None:
        """Return the named server if its figures hold."""
        return next((server for server in self.servers if server.name == name and server.valid), None)


@dataclass(frozen=True)
class Run:
    """All cases of one run, and on what they ran."""

    command: str
    seed: int
    rounds: int
    seconds: float
    facts: dict[str, Any]
    cases: list[CaseResult]


def compare(bursts: list[Burst], base: list[Burst]) -> Figures | None:
    """Compare with the base round by round; a round where either has no figure counts for neither."""
    base_us = {burst.round: burst.cpu_us for burst in base if burst.requests}
    paired = [burst for burst in bursts if burst.requests and base_us.get(burst.round)]
    ratio = pair({burst.round: burst.cpu_us for burst in paired}, base_us)
    if ratio is None:
        return None
    return Figures(
        cpu_us=statistics.median(burst.cpu_us for burst in paired),
        ratio=ratio.median,
        ratio_min=ratio.least,
        ratio_max=ratio.most,
        tax_us=statistics.median(burst.cpu_us - base_us[burst.round] for burst in paired),
        rps=statistics.median(burst.rps for burst in paired),
    )


def by_cost(server: ServerResult) -> float:
    """Order servers by the ratio; those without figures come last."""
    return server.figures.ratio if server.figures else math.inf


def write(run: Run, path: Path) -> None:
    """Record the run as JSON."""
    records.write(path, SCHEMA, asdict(run))


def read(path: Path) -> Run:
    """Read what `write` wrote."""
    recorded = records.read(path, SCHEMA)
    cases = [
        CaseResult(**{**case, "servers": [_server(server) for server in case["servers"]]})
        for case in recorded.pop("cases")
    ]
    return Run(**recorded, cases=cases)


def _server(recorded: dict[str, Any]) -> ServerResult:
    figures = recorded["figures"]
    return ServerResult(
        **{
            **recorded,
            "figures": Figures(**figures) if figures else None,
            "bursts": [Burst(**burst) for burst in recorded["bursts"]],
        }
    )
