"""The bars: what each case may come to at most, in its worst round."""

from dataclasses import dataclass

from bench.strain.figures import Row, Run
from bench.verdicts import Verdict


@dataclass(frozen=True)
class Bar:
    """A figure of a case, and the most it may be."""

    figure: str
    most: float
    claim: str


BARS: dict[str, tuple[Bar, ...]] = {
    "idle": (
        Bar("bytes_each", 3 * 1024, "each costs the process 3 KiB at most"),
        Bar("left", 0, "none is left when their clients have gone"),
    ),
    "slow": (
        Bar("early", 0, "nobody is ended before the limit"),
        Bar("late", 0, "all are ended at their limit"),
        Bar("p99_ms", 50, "99% of the steady client's requests are answered within 50 ms"),
        Bar("bytes_each", 64 * 1024, "each costs the process 64 KiB at most"),
        Bar("left", 0, "no connection is left"),
    ),
    "sigterm": (
        Bar("unanswered", 0, "no request goes unanswered"),
        Bar("cut", 0, "no answer is cut short"),
        Bar("still_open", 0, "no connection outlives the server"),
    ),
    "leak": (
        Bar("lost", 0, "no request is lost"),
        Bar("unaccounted", 0, "every request is answered, or its client has left"),
        Bar("not_logged", 0, "every failure of a handler is logged, once"),
        Bar("connections_left", 0, "no connection is left"),
        Bar("descriptors_left", 0, "no descriptor is left"),
        Bar("tasks_left", 0, "no task is left"),
        Bar("grown_kib", 1024, "memory grows by 1 MiB at most from the first fifth to the last"),
    ),
}


def judge(run: Run) -> list[Verdict]:
    """Judge every case that was run."""
    return [verdict for row in run.rows for verdict in _judge(row)]


def _judge(row: Row) -> list[Verdict]:
    faults = [fault for outcome in row.rounds for fault in outcome.faults]
    said = faults[0] if faults else f"{len(row.rounds)} rounds"
    verdicts = [Verdict(f"{row.name}: nothing else goes wrong", not faults, said)]
    for bar in BARS[row.name]:
        worst = row.worst(bar.figure)
        figure = "no valid figure" if worst is None else f"{worst:,.6g}"
        verdicts.append(Verdict(f"{row.name}: {bar.claim}", worst is not None and worst <= bar.most, figure))
    return verdicts
