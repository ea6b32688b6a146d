"""The rounds: every contender of every case once a round, in shuffled order, in one process."""

import random
from collections.abc import Collection

from bench.e2e.build import Missing
from bench.parser.cases import Case, Timer
from bench.parser.figures import Row, Timed


def measure(cases: Collection[Case], rounds: int, rng: random.Random) -> tuple[list[Row], dict[str, str]]:
    """Time the cases; return their rows, and why others are missing. What fails once is not asked again."""
    timers: dict[tuple[str, str], Timer] = {}
    missing: dict[str, str] = {}
    for case in cases:
        try:
            timers.update({(case.name, name): timer for name, timer in case.contenders().items()})
        except Missing as error:
            missing[case.name] = str(error)
    found = {key: Timed(key[1]) for key in timers}
    # Round 0 warms up.
    for number in range(rounds + 1):
        order = [key for key in timers if found[key].error is None]
        rng.shuffle(order)
        for key in order:
            try:
                ns = timers[key]()
            except Exception as error:
                found[key] = Timed(key[1], found[key].ns, f"round {number}: {error}")
                continue
            if number:
                found[key].ns[number] = ns
    rows = [
        Row(case.name, case.title, case.unit, case.content_bytes,
            [timed for (name, _), timed in found.items() if name == case.name])
        for case in cases if case.name not in missing
    ]
    return rows, missing
