"""The bars of single operations, and whether a run clears them.

fastloop is at least three times as fast as asyncio at scheduling, and where there is a zuvloop, faster than
that at everything. The memory of pending timers has no bar.
"""

from bench.loops import OURS
from bench.micro.figures import Row, Run
from bench.verdicts import Verdict

THREE_TIMES_ASYNCIO = ("call_soon", "call_soon_args", "chained", "timer_cancel", "threadsafe")
RIVAL = "zuvloop"


def judge(run: Run) -> list[Verdict]:
    """Judge every bar whose workload was run and whose loops were asked."""
    verdicts = []
    for row in run.rows:
        asked = {each.loop for each in row.loops}
        if row.name in THREE_TIMES_ASYNCIO and {OURS, "asyncio"} <= asked:
            claim = f"{row.name}: {OURS} takes at most a third of asyncio's time"
            verdicts.append(_judge(row, claim, "asyncio", 1 / 3))
        if {OURS, RIVAL} <= asked:
            verdicts.append(_judge(row, f"{row.name}: {OURS} takes less time than {RIVAL}", RIVAL, 1.0))
    return verdicts


def _judge(row: Row, claim: str, against: str, most: float) -> Verdict:
    ratio = row.ratio(OURS, against)
    if ratio is None:
        lacking = against if row.valid(OURS) else OURS
        return Verdict(claim, False, f"{lacking} has no valid figure in this run")
    cleared = ratio.median < most if against == RIVAL else ratio.median <= most
    return Verdict(claim, cleared, f"{ratio} of {against}'s")
