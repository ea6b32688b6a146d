"""The command line: `python -m bench.strain [CASE ...]`. See bench/README.md for what each case is."""

import argparse
import random
import shlex
import sys

from bench import markdown, options, verdicts
from bench.facts import machine
from bench.strain import claims, figures, report
from bench.strain.cases import CASES, Case
from bench.strain.clients import Plan
from bench.strain.figures import Outcome, Row

# Of the results' place in a document, unless the command line names another.
MARK = "bench.strain"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse and check the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.strain", description="What the HTTP server stands. Wants an idle machine."
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all")
    parser.add_argument("--rounds", type=int, default=1, help="of each case (default 1)")
    parser.add_argument("--scale", type=float, default=1.0, help="part of each case's full size (default 1)")
    parser.add_argument("--seconds", type=float, default=10.0, help="timeouts in the case slow (default 10)")
    parser.add_argument("--cores", default="", metavar="SERVER,OTHER", help="default: the first two allowed")
    options.add_common(parser, MARK)
    chosen = options.parse(parser, arguments)
    chosen.cases = list(dict.fromkeys(chosen.cases)) or list(CASES)
    options.refuse_unknown(parser, "case", chosen.cases, CASES)
    if not 0 < chosen.scale <= 1:
        parser.error("--scale must be above 0, and 1 at most")
    chosen.cores = options.two_cores(parser, chosen.cores)
    return chosen


def run(chosen: argparse.Namespace, command: str) -> figures.Run:
    """Put the server under each case, printing it as it ends."""
    core, other_core = chosen.cores
    plan = Plan(chosen.scale, chosen.seconds, core, other_core, random.Random(chosen.seed))
    facts = {**machine(), "core": core, "other_core": other_core}
    result = figures.Run(command, chosen.seed, chosen.rounds, chosen.scale, facts, [])
    print(report.header(result), flush=True)
    for name in chosen.cases:
        case = CASES[name]
        result.rows.append(Row(name, case.title, [_round(case, plan) for _ in range(chosen.rounds)]))
        print(f"\n{report.row_table(result.rows[-1])}", flush=True)
    return result


def _round(case: Case, plan: Plan) -> Outcome:
    try:
        return case.run(plan)
    except (OSError, RuntimeError, ValueError) as error:
        return Outcome(faults=[f"{type(error).__name__}: {error}"])


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    chosen = parse(arguments)
    if chosen.list:
        for case in CASES.values():
            print(f"{case.name:<12}{case.title}")
        return 0
    if chosen.recorded:
        result = figures.read(chosen.recorded)
        print("\n\n".join([report.header(result), *map(report.row_table, result.rows)]))
    else:
        result = run(chosen, shlex.join(["python", "-m", "bench.strain", *arguments]))
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
