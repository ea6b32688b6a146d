"""The bars of the parser, and whether a run clears them: absolute times, for a machine of 2.5 GHz."""

from bench.parser.cases import OURS
from bench.parser.figures import Row, Run
from bench.parser.report import figures
from bench.verdicts import Verdict

# A case, and the most nanoseconds of CPU time that its median may be.
BARS = {"head40": 50.0, "head703": 200.0, "worst64k": 50e6}


def judge(run: Run) -> list[Verdict]:
    """Judge every bar whose case was run, or is missing."""
    verdicts = [
        Verdict(f"{name}: {OURS} parses it", False, why) for name, why in run.missing.items() if name in BARS
    ]
    return verdicts + [_judge(row, BARS[row.name]) for row in run.rows if row.name in BARS]


def _judge(row: Row, most_ns: float) -> Verdict:
    claim = f"{row.name}: {OURS} takes at most {row.shown(most_ns):g} {row.unit}"
    timed = row.valid(OURS)
    if timed is None:
        return Verdict(claim, False, f"{OURS} has no valid figure in this run")
    median, low, high = figures(row, timed)
    return Verdict(claim, timed.median_ns <= most_ns, f"{median} {row.unit} ({low}-{high})")
