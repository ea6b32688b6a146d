"""Probe every loop, each time in a process of its own, in shuffled order."""

import json
import random
import subprocess
import sys
from dataclasses import dataclass, replace

from bench.facts import ROOT
from bench.latency.figures import Row, Seen
from bench.latency.probes import Probe

# On top of a probe's time: starting Python, settling, and giving up on what starves.
GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class Plan:
    """How to probe, the same for every probe of a run."""

    rounds: int
    seconds: float
    core: int
    other_core: int
    rng: random.Random


def measure(probe: Probe, loops: list[str], plan: Plan) -> Row:
    """Probe the loops; a loop's samples of all rounds are taken together."""
    found = {loop: Seen(loop) for loop in loops}
    starved = dict.fromkeys(loops, 0)
    for number in range(1, plan.rounds + 1):
        order = list(loops)
        plan.rng.shuffle(order)
        for loop in order:
            seen = _probe(probe, loop, plan)
            found[loop].samples.extend(seen.samples)
            found[loop].errors.extend(f"round {number}: {error}" for error in seen.errors)
            starved[loop] += seen.starved
    results = [replace(seen, starved=starved[loop]) for loop, seen in found.items()]
    return Row(probe.name, probe.title, probe.unit, probe.is_timer, results)


def _probe(probe: Probe, loop: str, plan: Plan) -> Seen:
    numbers = (plan.seconds, plan.core, plan.other_core)
    command = [sys.executable, "-m", "bench.latency.worker", loop, probe.name, *map(str, numbers)]
    limit = plan.seconds + GRACE_SECONDS
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return Seen(loop, errors=[f"it did not end within {limit:g} s"])
    if done.returncode:
        return Seen(loop, errors=[(done.stderr.strip().splitlines() or ["no reason given"])[-1]])
    return Seen(loop, **json.loads(done.stdout))
