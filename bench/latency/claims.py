"""The bars that hold on any machine, busy or not: nothing is early, starved, or woken for nothing."""

from bench.latency.figures import Row, Run, Seen
from bench.loops import OURS
from bench.verdicts import Verdict


def judge(run: Run) -> list[Verdict]:
    """Judge fastloop in every probe that it was asked."""
    return [_judge(row, seen) for row in run.rows for seen in row.loops if seen.loop == OURS]


def _judge(row: Row, seen: Seen) -> Verdict:
    if row.unit == "wake-ups":
        claim = f"{row.name}: {OURS} does not wake up with nothing due"
    elif row.is_timer:
        claim = f"{row.name}: {OURS} fires no timer early, and all of them"
    else:
        claim = f"{row.name}: {OURS} starves nobody"
    if seen.errors or not (seen.samples or seen.starved):
        return Verdict(claim, False, f"no valid figure: {(seen.errors or ['no samples'])[0]}")
    if row.unit == "wake-ups":
        figure = f"{max(seen.samples):g} at most, in {len(seen.samples)} rounds"
        return Verdict(claim, not any(seen.samples), figure)
    figure = f"{len(seen.samples)} samples, {seen.early} early, {seen.starved} starved"
    return Verdict(claim, not seen.starved and not (row.is_timer and seen.early), figure)
