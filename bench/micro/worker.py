"""One loop in a process of its own: told a workload on each line of input, it answers what it took.

`python -m bench.micro.worker LOOP`. An answer is a line of JSON: {"ns": CPU time for one operation, in all
threads of the process}, or {"error": why there is none}.
"""

import contextlib
import gc
import json
import sys
import time
from typing import Any

from bench.loops import new_loop
from bench.micro.workloads import WORKLOADS, Loop, Workload, WrongCount


def timed(workload: Workload, loop: Loop) -> dict[str, Any]:
    """Run the workload once. CPU time, not the clock's: what other processes take does not count."""
    # What earlier runs left is not this one's to collect.
    gc.collect()
    start = time.process_time_ns()
    try:
        workload.run_checked(loop, workload.operations)
    except WrongCount as wrong:
        return {"error": str(wrong)}
    return {"ns": (time.process_time_ns() - start) / workload.operations}


def main(loop_name: str) -> None:
    """Answer until the input ends."""
    loop = new_loop(loop_name)
    with contextlib.closing(loop):
        for line in sys.stdin:
            print(json.dumps(timed(WORKLOADS[line.strip()], loop)), flush=True)
        loop.run_until_complete(loop.shutdown_default_executor())


if __name__ == "__main__":
    main(sys.argv[1])
