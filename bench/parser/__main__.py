"""The command line: `python -m bench.parser [CASE ...]`. See bench/README.md for what is timed."""

import argparse
import os
import random
import shlex
import sys

from bench import markdown, options, verdicts
from bench.facts import machine, versions
from bench.parser import claims, figures, report
from bench.parser.cases import CASES, PEER
from bench.parser.measure import measure

# Of the results' place in a document, unless the command line names another.
MARK = "bench.parser"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse and check the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.parser", description="CPU time of the HTTP/1.1 parser for one message."
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all")
    parser.add_argument("--rounds", type=int, default=20, help="of each case (default 20)")
    options.add_common(parser, MARK)
    chosen = options.parse(parser, arguments)
    chosen.cases = list(dict.fromkeys(chosen.cases)) or list(CASES)
    options.refuse_unknown(parser, "case", chosen.cases, CASES)
    return chosen


def run(chosen: argparse.Namespace, command: str) -> figures.Run:
    """Time the chosen cases on one core."""
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    facts = {**machine(), "core": core, "peers": versions(PEER)}
    rng = random.Random(chosen.seed)
    rows, missing = measure([CASES[name] for name in chosen.cases], chosen.rounds, rng)
    return figures.Run(command, chosen.seed, chosen.rounds, facts, rows, missing)


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    chosen = parse(arguments)
    if chosen.list:
        for case in CASES.values():
            print(f"{case.name:<12}{case.title}")
        return 0
    if chosen.recorded:
        result = figures.read(chosen.recorded)
    else:
        result = run(chosen, shlex.join(["python", "-m", "bench.parser", *arguments]))
        if chosen.json:
            figures.write(result, chosen.json)
    print(report.table(result))
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
