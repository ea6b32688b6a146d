"""One probe of one loop, in a process of its own.

`python -m bench.latency.worker LOOP PROBE SECONDS CORE OTHER` prints JSON: {"samples": [...], "starved": N}.
The loop runs on CORE, what it is probed with on OTHER.
"""

import json
import os
import sys

from bench.latency.probes import PROBES, Trial
from bench.loops import new_loop


def main(loop_name: str, probe: str, seconds: str, core: str, other_core: str) -> None:
    """Probe, print and end."""
    os.sched_setaffinity(0, {int(core)})
    trial = Trial(new_loop(loop_name), float(seconds), int(other_core))
    PROBES[probe].run(trial)
    print(json.dumps({"samples": trial.samples, "starved": trial.starved}), flush=True)
    # What the probe has left open ends here: closing it in order is not what is measured.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
