"""The command line: `python -m bench.e2e [CASE ...]`. See bench/README.md for the method."""

import argparse
import random
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

from bench import markdown, options, verdicts
from bench.e2e import chart, claims, facts, figures, report
from bench.e2e.cases import BASE, CASES, DEFAULT_CASES, Case
from bench.e2e.measure import Plan, measure
from bench.e2e.peers import PEERS
from bench.e2e.servers import raise_descriptor_limit

# Of the results' place in a document, unless the command line names another.
MARK = "bench.e2e"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse and check the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.e2e",
        description="Measure servers side by side: CPU time per request, as a multiple of a bare C server's.",
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"default: {' '.join(DEFAULT_CASES)}")
    parser.add_argument("--rounds", type=int, default=8, help="bursts for each server (default 8)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=1.0,
        help="length of a burst (default 1.0); HTTP rounds it",
    )
    parser.add_argument("--only", default="", metavar="PEER,...", help=f"measure these and {BASE}")
    parser.add_argument("--cores", default="", metavar="SERVER,LOAD", help="default: the first two allowed")
    parser.add_argument("--svg", type=Path, metavar="PATH", help="draw the run")
    options.add_common(parser, MARK)
    chosen = options.parse(parser, arguments)
    chosen.only = options.names(chosen.only)
    options.refuse_unknown(parser, "case", chosen.cases, CASES)
    options.refuse_unknown(parser, "peer", chosen.only, PEERS)
    chosen.cores = options.two_cores(parser, chosen.cores)
    return chosen


def peers_of(case: Case, only: list[str]) -> list[str]:
    """Return the case's peers, or those asked for; the base always. The floors answer any HTTP case."""
    if not only:
        return list(case.peers)
    floors = [name for name in only if name.endswith("-floor")] if case.kind == "http" else []
    return list(dict.fromkeys([BASE, *(name for name in case.peers if name in only), *floors]))


def run(chosen: argparse.Namespace, command: str) -> figures.Run:
    """Measure the chosen cases, printing each as it ends."""
    server_core, load_core = chosen.cores
    plan = Plan(chosen.rounds, chosen.seconds, server_core, load_core, random.Random(chosen.seed))
    cases = [CASES[name] for name in dict.fromkeys(chosen.cases or DEFAULT_CASES)]
    measured = {name for case in cases for name in peers_of(case, chosen.only)}
    made_on = facts.collect(measured, server_core, load_core)
    result = figures.Run(command, chosen.seed, chosen.rounds, chosen.seconds, made_on, [])
    print(report.header(result), flush=True)
    for case in cases:
        result.cases.append(measure(case, peers_of(case, chosen.only), plan))
        print(f"\n{report.case_table(result.cases[-1])}", flush=True)
    # Only now is an axum that had to be built there to be asked for its versions.
    result.facts.update(facts.collect(measured, server_core, load_core))
    return result


def list_all() -> None:
    """Print the cases and the peers."""
    for case in CASES.values():
        print(f"{case.name:<16}{case.title}")
    print()
    for name, peer in PEERS.items():
        print(f"{name:<16}{peer.about}")


def _end(number: int, _: FrameType | None) -> None:
    # Unwinds like Ctrl-C, so that every server is stopped.
    raise SystemExit(128 + number)


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    chosen = parse(arguments)
    if chosen.list:
        list_all()
        return 0
    if chosen.recorded:
        result = figures.read(chosen.recorded)
        print(report.header(result))
        for case in result.cases:
            print(f"\n{report.case_table(case)}")
    else:
        # A shell that started us in the background has SIGINT ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _end)
        try:
            # Idle connections by the thousand, on both sides.
            raise_descriptor_limit()
            result = run(chosen, shlex.join(["python", "-m", "bench.e2e", *arguments]))
        except KeyboardInterrupt:
            print("\ninterrupted; nothing recorded", file=sys.stderr)
            return 130
        if chosen.json:
            figures.write(result, chosen.json)
    if chosen.svg:
        chart.write(result, chosen.svg)
    if chosen.markdown:
        markdown.insert(chosen.markdown, chosen.mark, report.to_markdown(result))
    if chosen.check:
        print()
        return 0 if verdicts.show(claims.judge(result)) else 1
    return 0 if any(case.servers for case in result.cases) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
