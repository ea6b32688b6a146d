"""The project's bars, and whether a run clears them. A bar whose servers were not measured is not cleared.

Two servers are compared by their ratios to the base in the same round: the machine's speed changes from round
to round, and with it what medians of microseconds say.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bench.e2e.cases import BASE
from bench.e2e.figures import CaseResult, Figures, Run


@dataclass(frozen=True)
class Verdict:
    """One bar's outcome; `figure` is what was measured, in words and numbers."""

    claim: str
    cleared: bool
    figure: str


@dataclass(frozen=True)
class Bar:
    """What must hold of a server in a case, alone or against another server of that case."""

    case: str
    claim: str
    server: str
    holds: Callable[[Figures, Figures], bool]
    figure: Callable[[Figures, Figures], str]
    against: str | None = None


def _ratio_pair(ours: Figures, theirs: Figures) -> str:
    return f"{_ratio(ours)} against {_ratio(theirs)}"


def _ratio(ours: Figures) -> str:
    return f"{ours.ratio:.3f}x the limit ({ours.ratio_min:.2f}-{ours.ratio_max:.2f})"


BARS = (
    Bar(
        "plaintext",
        "plaintext: fastloop_http costs no more CPU per request than axum",
        "fastloop_http",
        lambda ours, theirs: ours.ratio <= theirs.ratio,
        _ratio_pair,
        against="axum",
    ),
    Bar(
        "plaintext",
        "plaintext: fastloop_http is at most 0.6 us above the limit",
        "fastloop_http",
        lambda ours, _: ours.tax_us <= 0.6,
        lambda ours, _: f"{ours.tax_us:.2f} us, {_ratio(ours)}",
    ),
    Bar(
        "pipelined",
        "pipelined: fastloop_http costs at most 1.2 us per request",
        "fastloop_http",
        lambda ours, _: ours.cpu_us <= 1.2,
        lambda ours, _: f"{ours.cpu_us:.2f} us",
    ),
    Bar(
        "echo",
        "echo: fastloop costs at most 1.06x the limit",
        "fastloop",
        lambda ours, _: ours.ratio <= 1.06,
        lambda ours, _: _ratio(ours),
    ),
    Bar(
        "echo",
        "echo: fastloop costs less CPU per message than uvloop",
        "fastloop",
        lambda ours, theirs: ours.ratio < theirs.ratio,
        _ratio_pair,
        against="uvloop",
    ),
)


def judge(run: Run) -> list[Verdict]:
    """Judge every bar whose case the run has; a run with none of their cases clears nothing."""
    cases = {case.name: case for case in run.cases}
    verdicts = [_judge(bar, cases[bar.case]) for bar in BARS if bar.case in cases]
    return verdicts or [Verdict("some case that has a bar", False, "none in this run")]


def _judge(bar: Bar, case: CaseResult) -> Verdict:
    found: list[Figures] = []
    # An invalid base makes every ratio to it worthless.
    for name in (BASE, bar.server, bar.against or bar.server):
        server = case.valid(name)
        if server is None or server.figures is None:
            return Verdict(bar.claim, False, f"{name} has no valid figure in this run")
        found.append(server.figures)
    _, ours, theirs = found
    return Verdict(bar.claim, bar.holds(ours, theirs), bar.figure(ours, theirs))
