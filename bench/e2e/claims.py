"""The project's bars, and whether a run clears them.

A bar is judged where its case was run and its servers were asked; one that then had no valid figure has not
cleared it. Two servers are compared burst by burst within the same round: the machine's speed changes from
round to round, and with it what medians of microseconds say.
"""

from dataclasses import dataclass
from typing import Literal

from bench.e2e.cases import BASE, FRAMEWORKS, RAW
from bench.e2e.figures import CaseResult, Run, compare
from bench.verdicts import Verdict


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What must hold of a server in a case: a figure of it, compared with another server of that case."""

    case: str
    server: str
    most: float
    figure: Literal["ratio", "tax_us", "cpu_us"] = "ratio"
    against: str = BASE
    strictly: bool = False  # below `most`, not at it
    where_present: bool = False  # no bar in a run that could not have `against`

    @property
    def claim(self) -> str:
        than = "less than" if self.strictly else "at most"
        much = {
            "ratio": f"{self.most:.3g}x {_name(self.against)}",
            "tax_us": f"{self.most:g} us above {_name(self.against)}",
            "cpu_us": f"{self.most:g} us",
        }[self.figure]
        return f"{self.case}: {self.server} costs {than} {much}"

    def clears(self, value: float) -> bool:
        return value < self.most if self.strictly else value <= self.most


# What the handler API may cost above the bare server, in microseconds: the price of what a handler asks for.
LAYER_US = {"handler": 0.1, "handler_path": 0.3, "handler_query": 1.0, "handler_json": 1.0}


def _handler_bars(case: str, layer_us: float) -> tuple[Bar, ...]:
    return (
        Bar(case=case, server="fastloop_http", most=layer_us, figure="tax_us", against=RAW),
        Bar(case=case, server="fastloop_http", most=1.2, against="axum"),
        *(Bar(case=case, server="fastloop_http", most=1 / 5, against=name) for name in FRAMEWORKS),
    )


BARS = (
    Bar(case="plaintext", server="fastloop_http", most=1.0, against="axum"),
    Bar(case="plaintext", server="fastloop_http", most=0.55, figure="tax_us"),
    Bar(case="pipelined", server="fastloop_http", most=1.0, figure="cpu_us"),
    Bar(case="greet", server="fastloop_http", most=1.0, against="axum"),
    Bar(case="json", server="fastloop_http", most=1.0, against="axum"),
    Bar(case="post1k", server="fastloop_http", most=1.0, against="axum"),
    Bar(case="upload", server="fastloop_http", most=1.1, against="axum"),
    Bar(case="download", server="fastloop_http", most=1.1, against="axum"),
    Bar(case="echo", server="fastloop", most=1.05),
    Bar(case="echo", server="fastloop", most=1.0, against="uvloop", strictly=True),
    Bar(case="echo", server="fastloop", most=1.0, against="zuvloop", strictly=True, where_present=True),
    Bar(case="echo", server="fastloop-compiled", most=1.02),
    Bar(case="echo16k", server="fastloop", most=1.05),
    Bar(case="echo100k", server="fastloop", most=0.8, against="uvloop"),
    Bar(case="streams", server="fastloop", most=0.8, against="uvloop"),
    Bar(case="sock", server="fastloop", most=0.5, against="uvloop"),
    # uvloop costs at least 1.3 times as much.
    Bar(case="udp", server="fastloop", most=1 / 1.3, against="uvloop"),
    Bar(case="tls", server="fastloop", most=1 / 1.3, against="uvloop"),
    # A loop that looks at every connection costs more the more of them there are.
    Bar(case="echo_idle4000", server="fastloop-idle", most=1.2, against="fastloop", strictly=True),
    *(bar for case, layer_us in LAYER_US.items() for bar in _handler_bars(case, layer_us)),
)


def judge(run: Run) -> list[Verdict]:
    """Judge every bar that the run is about."""
    cases = {case.name: case for case in run.cases}
    return [
        _judge(bar, cases[bar.case])
        for bar in BARS
        if bar.case in cases and _is_about(cases[bar.case], bar)
    ]


def _is_about(case: CaseResult, bar: Bar) -> bool:
    measured = {server.name for server in case.servers}
    asked = {bar.server, bar.against} <= measured | case.missing.keys()
    return asked and (bar.against in measured or not bar.where_present)


def _judge(bar: Bar, case: CaseResult) -> Verdict:
    ours, theirs = case.valid(bar.server), case.valid(bar.against)
    if ours is None or theirs is None:
        lacking = bar.server if ours is None else bar.against
        return Verdict(bar.claim, False, f"{lacking} has no valid figure in this run")
    found = compare(ours.bursts, theirs.bursts)
    if found is None:
        return Verdict(bar.claim, False, f"{bar.server} and {bar.against} have no round in common")
    ratio = f"{found.ratio:.3f}x {_name(bar.against)} ({found.ratio_min:.2f}-{found.ratio_max:.2f})"
    figures = {
        "ratio": ratio,
        "tax_us": f"{found.tax_us:.2f} us, {ratio}",
        "cpu_us": f"{found.cpu_us:.2f} us, {ratio}",
    }
    return Verdict(bar.claim, bar.clears(getattr(found, bar.figure)), figures[bar.figure])


def _name(server: str) -> str:
    return "the limit" if server == BASE else server
