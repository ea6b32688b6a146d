"""What a million pending timers take, and what is left when nine of ten are cancelled.

`python -m bench.micro.pending LOOP TIMERS` prints it as JSON. A process of its own, so that no
other memory counts.
"""

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from asyncio import TimerHandle
from pathlib import Path

from bench.facts import ROOT
from bench.loops import new_loop

TIMERS = 1_000_000
# tracemalloc takes its time, and bytes for each do not depend on how many there are.
TRACED_TIMERS = 100_000
HOUR = 3600.0
PATIENCE_SECONDS = 120.0


def measure(loop_name: str, timers: int) -> dict[str, float]:
    """Return bytes for each timer that was set: while all are pending, and after cancelling 90% of them.

    They are resident bytes; what tracemalloc traces where it is on, and only then knows what could be freed:
    a page is resident as long as one of its timers is pending.
    """
    loop = new_loop(loop_name)
    fired: list[int] = []
    handles: list[TimerHandle | None] = [None] * timers
    before = _used_bytes()
    for i in range(timers):
        handles[i] = loop.call_later(HOUR + i % 1000, fired.clear)
    pending = _used_bytes()
    for i in range(timers):
        handle, handles[i] = handles[i], None
        if i % 10 and handle is not None:
            handle.cancel()
    # Among the many, one that is kept and one that is cancelled come due.
    loop.call_later(0.01, fired.append, 1)
    handle = loop.call_later(0.01, fired.append, 2)
    handle.cancel()
    del handle
    loop.call_later(0.05, loop.stop)
    loop.run_forever()
    if fired != [1]:
        raise RuntimeError(f"{loop_name}: of the timers kept (1) and cancelled (2), {fired} fired")
    gc.collect()
    left = _used_bytes()
    loop.close()
    return {"pending_bytes": (pending - before) / timers, "left_bytes": (left - before) / timers}


def measure_apart(loop_name: str) -> dict[str, float]:
    """Measure in new processes, resident and traced. Raises RuntimeError with their last words."""
    resident = _measure_in_process(loop_name, TIMERS)
    traced = _measure_in_process(loop_name, TRACED_TIMERS, "-X", "tracemalloc")
    return {**resident, "left_traced_bytes": traced["left_bytes"]}


def _measure_in_process(loop_name: str, timers: int, *options: str) -> dict[str, float]:
    command = [sys.executable, *options, "-m", "bench.micro.pending", loop_name, str(timers)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _used_bytes() -> int:
    if tracemalloc.is_tracing():
        return tracemalloc.get_traced_memory()[0]
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
