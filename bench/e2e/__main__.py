"""The command line: `python -m bench.e2e [CASE ...]`. See bench/README.md for the method."""

import argparse
import os
import random
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

from bench import markdown, verdicts
from bench.e2e import chart, claims, facts, figures, report
from bench.e2e.cases import BASE, CASES, DEFAULT_CASES, Case
from bench.e2e.measure import Plan, measure
from bench.e2e.peers import PEERS
from bench.e2e.servers import raise_descriptor_limit

# Of the results' place in a document.
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
    parser.add_argument("--seed", type=int, help="of the shuffled order; printed, so a run can be repeated")
    parser.add_argument("--cores", default="", metavar="SERVER,LOAD", help="default: the first two allowed")
    parser.add_argument("--json", type=Path, metavar="PATH", help="record the run, raw values included")
    parser.add_argument("--svg", type=Path, metavar="PATH", help="draw the run")
    parser.add_argument(
        "--markdown", type=Path, metavar="PATH", help=f"tables, between <!-- {MARK} --> and <!-- /{MARK} -->"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 unless all bars are cleared")
    parser.add_argument(
        "--from", type=Path, dest="recorded", metavar="PATH", help="take a recorded run instead of measuring"
    )
    parser.add_argument("--list", action="store_true", help="list cases and peers")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error(f"unknown case {unknown[0]!r}; there are {', '.join(CASES)}")
    unknown = [name for name in _names(options.only) if name not in PEERS]
    if unknown:
        parser.error(f"unknown peer {unknown[0]!r}; there are {', '.join(PEERS)}")
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds must be at least 1 and --seconds above 0")
    try:
        options.cores = _cores(options.cores)
        if options.markdown:
            # Better now than after the run.
            markdown.around(options.markdown, MARK)
    except ValueError as error:
        parser.error(str(error))
    return options


def _names(only: str) -> list[str]:
    return [name.strip() for name in only.split(",") if name.strip()]


def _cores(text: str) -> tuple[int, int]:
    allowed = sorted(os.sched_getaffinity(0))
    chosen = [int(core) for core in text.split(",")] if text else allowed[:2]
    if len(chosen) != 2 or chosen[0] == chosen[1] or not set(chosen) <= set(allowed):
        raise ValueError(f"two cores are needed, server and load, of those allowed here: {allowed}")
    return chosen[0], chosen[1]


def peers_of(case: Case, only: list[str]) -> list[str]:
    """Return the case's peers, or those asked for; the base always. The floors answer any HTTP case."""
    if not only:
        return list(case.peers)
    floors = [name for name in only if name.endswith("-floor")] if case.kind == "http" else []
    return list(dict.fromkeys([BASE, *(name for name in case.peers if name in only), *floors]))


def run(options: argparse.Namespace, command: str) -> figures.Run:
    """Measure the chosen cases, printing each as it ends."""
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    only = _names(options.only)
    server_core, load_core = options.cores
    plan = Plan(options.rounds, options.seconds, server_core, load_core, random.Random(seed))
    chosen = [CASES[name] for name in dict.fromkeys(options.cases or DEFAULT_CASES)]
    measured = {name for case in chosen for name in peers_of(case, only)}
    result = figures.Run(
        command, seed, options.rounds, options.seconds, facts.collect(measured, server_core, load_core), []
    )
    print(report.header(result), flush=True)
    for case in chosen:
        result.cases.append(measure(case, peers_of(case, only), plan))
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
    options = parse(arguments)
    if options.list:
        list_all()
        return 0
    if options.recorded:
        result = figures.read(options.recorded)
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
            result = run(options, shlex.join(["python", "-m", "bench.e2e", *arguments]))
        except KeyboardInterrupt:
            print("\ninterrupted; nothing recorded", file=sys.stderr)
            return 130
        if options.json:
            figures.write(result, options.json)
    if options.svg:
        chart.write(result, options.svg)
    if options.markdown:
        markdown.insert(options.markdown, MARK, report.to_markdown(result))
    if options.check:
        print()
        return 0 if verdicts.show(claims.judge(result)) else 1
    return 0 if any(case.servers for case in result.cases) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
