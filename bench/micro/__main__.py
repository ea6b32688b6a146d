"""The command line: `python -m bench.micro [WORKLOAD ...]`. See bench/README.md for the method."""

import argparse
import os
import random
import shlex
import sys

from bench import markdown, options, verdicts
from bench.facts import machine, versions
from bench.loops import LOOPS, lacking
from bench.micro import claims, figures, report
from bench.micro.measure import measure, measure_memory, workers
from bench.micro.workloads import WORKLOADS

# Of the results' place in a document, unless the command line names another.
MARK = "bench.micro"
# Not a workload: it is measured once, in bytes.
PENDING = "pending_timers"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse and check the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.micro", description="Time single operations of the event loops, interleaved."
    )
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="default: all")
    parser.add_argument("--rounds", type=int, default=20, help="of each workload (default 20)")
    parser.add_argument("--only", default="", metavar="LOOP,...", help="time these; ratios need asyncio")
    parser.add_argument("--core", type=int, help="default: the first one allowed")
    options.add_common(parser, MARK)
    chosen = options.parse(parser, arguments)
    chosen.workloads = list(dict.fromkeys(chosen.workloads)) or [*WORKLOADS, PENDING]
    chosen.loops = options.names(chosen.only) or list(LOOPS)
    options.refuse_unknown(parser, "workload", chosen.workloads, [*WORKLOADS, PENDING])
    options.refuse_unknown(parser, "loop", chosen.loops, LOOPS)
    allowed = sorted(os.sched_getaffinity(0))
    chosen.core = allowed[0] if chosen.core is None else chosen.core
    if chosen.core not in allowed:
        parser.error(f"core {chosen.core} is not allowed here; these are: {allowed}")
    return chosen


def run(chosen: argparse.Namespace, command: str) -> figures.Run:
    """Time the chosen workloads, printing each as it ends."""
    rng = random.Random(chosen.seed)
    missing = {loop: why for loop in chosen.loops if (why := lacking(loop)) is not None}
    loops = [loop for loop in chosen.loops if loop not in missing]
    packages = versions(*(loop for loop in loops if loop != "asyncio"))
    facts = {**machine(), "core": chosen.core, "loops": packages}
    result = figures.Run(command, chosen.seed, chosen.rounds, facts, [], {}, missing)
    print(report.header(result), flush=True)
    # One core for all: a loop's process does not wander, and none has the better core.
    os.sched_setaffinity(0, {chosen.core})
    with workers(loops) as processes:
        for name in chosen.workloads:
            if name != PENDING:
                result.rows.append(measure(WORKLOADS[name], processes, chosen.rounds, rng))
                print(f"\n{report.row_table(result.rows[-1])}", flush=True)
    if PENDING in chosen.workloads:
        found, errors = measure_memory(loops)
        result.memory.update(found)
        print(f"\n{report.memory_table(result)}")
        for loop, error in errors.items():
            print(f"  !! no figure of {loop}: {error}")
    for loop, why in missing.items():
        print(f"  -- no {loop}: {why}")
    return result


def show(result: figures.Run) -> None:
    """Print a recorded run."""
    print(report.header(result))
    for row in result.rows:
        print(f"\n{report.row_table(row)}")
    if result.memory:
        print(f"\n{report.memory_table(result)}")


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    chosen = parse(arguments)
    if chosen.list:
        for workload in WORKLOADS.values():
            print(f"{workload.name:<18}{workload.title}")
        print(f"{PENDING:<18}{report.TIMERS}")
        return 0
    if chosen.recorded:
        result = figures.read(chosen.recorded)
        show(result)
    else:
        result = run(chosen, shlex.join(["python", "-m", "bench.micro", *arguments]))
        if chosen.json:
            figures.write(result, chosen.json)
    if chosen.markdown:
        markdown.insert(chosen.markdown, chosen.mark, report.to_markdown(result))
    if chosen.check:
        print()
        return 0 if verdicts.show(claims.judge(result)) else 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\ninterrupted; nothing recorded", file=sys.stderr)
        sys.exit(130)
