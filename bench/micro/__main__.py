"""The command line: `python -m bench.micro [WORKLOAD ...]`. See bench/README.md for the method."""

import argparse
import os
import random
import shlex
import sys
from pathlib import Path

from bench import markdown, verdicts
from bench.facts import machine, versions
from bench.loops import LOOPS, lacking
from bench.micro import claims, figures, report
from bench.micro.measure import measure, measure_memory, workers
from bench.micro.workloads import WORKLOADS

# Of the results' place in a document.
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
    parser.add_argument("--seed", type=int, help="of the shuffled order; printed, so a run can be repeated")
    parser.add_argument("--core", type=int, help="default: the first one allowed")
    parser.add_argument("--json", type=Path, metavar="PATH", help="record the run, raw values included")
    parser.add_argument(
        "--markdown", type=Path, metavar="PATH", help=f"tables, between <!-- {MARK} --> and <!-- /{MARK} -->"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 unless all bars are cleared")
    parser.add_argument(
        "--from", type=Path, dest="recorded", metavar="PATH", help="take a recorded run instead of measuring"
    )
    parser.add_argument("--list", action="store_true", help="list the workloads")
    options = parser.parse_args(arguments)
    names = [*WORKLOADS, PENDING]
    options.workloads = list(dict.fromkeys(options.workloads)) or names
    options.loops = [name.strip() for name in options.only.split(",") if name.strip()] or list(LOOPS)
    for given, known in ((options.workloads, names), (options.loops, list(LOOPS))):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"unknown {unknown[0]!r}; there are {', '.join(known)}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    allowed = sorted(os.sched_getaffinity(0))
    options.core = allowed[0] if options.core is None else options.core
    if options.core not in allowed:
        parser.error(f"core {options.core} is not allowed here; these are: {allowed}")
    if options.markdown:
        try:
            # Better now than after the run.
            markdown.around(options.markdown, MARK)
        except ValueError as error:
            parser.error(str(error))
    return options


def run(options: argparse.Namespace, command: str) -> figures.Run:
    """Time the chosen workloads, printing each as it ends."""
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    rng = random.Random(seed)
    missing = {loop: why for loop in options.loops if (why := lacking(loop)) is not None}
    loops = [loop for loop in options.loops if loop not in missing]
    packages = versions(*(loop for loop in loops if loop != "asyncio"))
    facts = {**machine(), "core": options.core, "loops": packages}
    result = figures.Run(command, seed, options.rounds, facts, [], {}, missing)
    print(report.header(result), flush=True)
    # One core for all: a loop's process does not wander, and none has the better core.
    os.sched_setaffinity(0, {options.core})
    with workers(loops) as processes:
        for name in options.workloads:
            if name != PENDING:
                result.rows.append(measure(WORKLOADS[name], processes, options.rounds, rng))
                print(f"\n{report.row_table(result.rows[-1])}", flush=True)
    if PENDING in options.workloads:
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
    options = parse(arguments)
    if options.list:
        for workload in WORKLOADS.values():
            print(f"{workload.name:<18}{workload.title}")
        print(f"{PENDING:<18}{report.TIMERS}")
        return 0
    if options.recorded:
        result = figures.read(options.recorded)
        show(result)
    else:
        result = run(options, shlex.join(["python", "-m", "bench.micro", *arguments]))
        if options.json:
            figures.write(result, options.json)
    if options.markdown:
        markdown.insert(options.markdown, MARK, report.to_markdown(result))
    if options.check:
        print()
        return 0 if verdicts.show(claims.judge(result)) else 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\ninterrupted; nothing recorded", file=sys.stderr)
        sys.exit(130)
