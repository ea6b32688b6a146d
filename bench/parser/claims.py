"""The bars of the parser, and whether a run clears them: times at 2.5 GHz, and ratios to httptools."""

from bench.parser.cases import CONTENT_BYTES, OURS, PEER
from bench.parser.figures import Row, Run
from bench.parser.report import figures
from bench.verdicts import Verdict

# A case, and the most nanoseconds of CPU time that its median may be.
BARS = {"head40": 50.0, "head703": 200.0, "worst64k": 50e6, "chunked64k": CONTENT_BYTES / 5}
# A case, and the most that its time may be of httptools' in the same round.
RATIO_BARS = {"face40": 1 / 1.5, "face703": 1 / 1.5}


def judge(run: Run) -> list[Verdict]:
    """Judge every bar whose case was run, or is missing."""
    verdicts = [
        Verdict(f"{name}: {OURS} parses it", False, why)
        for name, why in run.missing.items()
        if name in BARS or name in RATIO_BARS
    ]
    verdicts += [_judge(row, BARS[row.name]) for row in run.rows if row.name in BARS]
    return verdicts + [_judge_ratio(row, RATIO_BARS[row.name]) for row in run.rows if row.name in RATIO_BARS]


def _judge(row: Row, most_ns: float) -> Verdict:
    least_or_most = "least" if row.unit == "GB/s" else "most"
    claim = f"{row.name}: {OURS} takes at {least_or_most} {row.shown(most_ns):g} {row.unit}"
    timed = row.valid(OURS)
    if timed is None:
        return Verdict(claim, False, f"{OURS} has no valid figure in this run")
    median, low, high = figures(row, timed)
    return Verdict(claim, timed.median_ns <= most_ns, f"{median} {row.unit} ({low}-{high})")


def _judge_ratio(row: Row, most: float) -> Verdict:
    claim = f"{row.name}: {OURS} takes at most {most:.3g}x {PEER}'s time"
    ratio = row.ratio(OURS, PEER)
    if ratio is None:
        return Verdict(claim, False, f"{OURS} or {PEER} has no valid figure in this run")
    return Verdict(claim, ratio.median <= most, f"{ratio} of {PEER}'s")
