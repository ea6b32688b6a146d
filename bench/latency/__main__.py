"""The command line: `python -m bench.latency [PROBE ...]`. See bench/README.md for what is asked."""

import argparse
import random
import shlex
import sys

from bench import markdown, options, verdicts
from bench.facts import machine, versions
from bench.latency import claims, figures, report
from bench.latency.measure import Plan, measure
from bench.latency.probes import PROBES
from bench.loops import LOOPS, lacking

# Of the results' place in a document, unless the command line names another.
MARK = "bench.latency"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse and check the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.latency",
        description="How late the loops are, and how still with nothing to do. Wants an idle machine.",
    )
    parser.add_argument("probes", nargs="*", metavar="PROBE", help="default: all")
    parser.add_argument("--rounds", type=int, default=2, help="of each probe (default 2)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a probe in a round (default 2)")
    parser.add_argument("--only", default="", metavar="LOOP,...", help="probe these")
    parser.add_argument("--cores", default="", metavar="LOOP,OTHER", help="default: the first two allowed")
    options.add_common(parser, MARK)
    chosen = options.parse(parser, arguments)
    chosen.probes = list(dict.fromkeys(chosen.probes)) or list(PROBES)
    chosen.loops = options.names(chosen.only) or list(LOOPS)
    options.refuse_unknown(parser, "probe", chosen.probes, PROBES)
    options.refuse_unknown(parser, "loop", chosen.loops, LOOPS)
    chosen.cores = options.two_cores(parser, chosen.cores)
    return chosen


def run(chosen: argparse.Namespace, command: str) -> figures.Run:
    """Probe the loops, printing each probe as it ends."""
    missing = {loop: why for loop in chosen.loops if (why := lacking(loop)) is not None}
    loops = [loop for loop in chosen.loops if loop not in missing]
    core, other_core = chosen.cores
    plan = Plan(chosen.rounds, chosen.seconds, core, other_core, random.Random(chosen.seed))
    packages = versions(*(loop for loop in loops if loop != "asyncio"))
    facts = {**machine(), "core": core, "other_core": other_core, "loops": packages}
    result = figures.Run(command, chosen.seed, chosen.rounds, chosen.seconds, facts, [], missing)
    print(report.header(result), flush=True)
    for name in chosen.probes:
        result.rows.append(measure(PROBES[name], loops, plan))
        print(f"\n{report.row_table(result.rows[-1])}", flush=True)
    for loop, why in missing.items():
        print(f"  -- no {loop}: {why}")
    return result


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    chosen = parse(arguments)
    if chosen.list:
        for probe in PROBES.values():
            print(f"{probe.name:<16}{probe.title}")
        return 0
    if chosen.recorded:
        result = figures.read(chosen.recorded)
        print("\n\n".join([report.header(result), *map(report.row_table, result.rows)]))
    else:
        result = run(chosen, shlex.join(["python", "-m", "bench.latency", *arguments]))
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
