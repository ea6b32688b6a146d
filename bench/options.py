"""The command line that all benches share: a seed, recording, drawing up, judging."""

import argparse
import os
import random
from collections.abc import Collection
from pathlib import Path

from bench import markdown


def add_common(parser: argparse.ArgumentParser, mark: str) -> None:
    """Add the shared options; `mark` names the results' place in a document where none is given."""
    parser.add_argument("--seed", type=int, help="of the shuffled order; printed, so a run can be repeated")
    parser.add_argument("--json", type=Path, metavar="PATH", help="record the run, raw values included")
    parser.add_argument(
        "--markdown", type=Path, metavar="PATH", help="tables, between <!-- MARK --> and <!-- /MARK -->"
    )
    parser.add_argument("--mark", default=mark, help="of the tables' place (default %(default)s)")
    parser.add_argument("--check", action="store_true", help="exit 1 unless all bars are cleared")
    parser.add_argument(
        "--from", type=Path, dest="recorded", metavar="PATH", help="take a recorded run instead of measuring"
    )
    parser.add_argument("--list", action="store_true", help="list what there is to measure")


def parse(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """Parse, and check what is shared; `seed` is chosen where none is given."""
    options = parser.parse_args(arguments)
    if options.rounds < 1 or getattr(options, "seconds", 1) <= 0:
        parser.error("--rounds must be at least 1 and --seconds above 0")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    if options.markdown:
        try:
            # Better now than after the run.
            markdown.around(options.markdown, options.mark)
        except ValueError as error:
            parser.error(str(error))
    return options


def names(text: str) -> list[str]:
    """Split a list that is separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def refuse_unknown(
    parser: argparse.ArgumentParser, what: str, given: Collection[str], known: Collection[str]
) -> None:
    """End with an error where a name is not known."""
    for name in given:
        if name not in known:
            parser.error(f"unknown {what} {name!r}; there are {', '.join(known)}")


def two_cores(parser: argparse.ArgumentParser, text: str) -> tuple[int, int]:
    """Return the two cores that are named, or the first two allowed; end with an error where they are not."""
    allowed = sorted(os.sched_getaffinity(0))
    try:
        chosen = [int(core) for core in text.split(",")] if text else allowed[:2]
    except ValueError:
        chosen = []
    if len(chosen) != 2 or chosen[0] == chosen[1] or not set(chosen) <= set(allowed):
        parser.error(f"two different cores are needed, of those allowed here: {allowed}")
    return chosen[0], chosen[1]
