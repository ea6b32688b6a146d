"""Compare the compiled parser with the reference on mutated requests, as many as asked for.

    python -m tests.oracles.compare --examples 1000000 --seed 1
    python -m tests.oracles.compare --edits

The second makes every single edit of the valid vectors instead: each byte inserted and put in place of
another, each run of bytes taken out. Both count the verdicts, and end at a disagreement with the bytes and
both verdicts. Put it into a table in tests/h1, and see by the RFC which of the two is wrong.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from fastloop_http._h1.parser import HeadParser
from fastloop_http._h1.refusal import HeadError

from .http1 import Incomplete, Limits, Refused, read_body, read_head
from .mutation import cut, make_request, mutate
from .peers import INCOMPLETE, REFUSED, Reading
from .vectors import VALID_BODIES, VALID_HEADS

# Small enough for a request made by the grammar to meet them.
TIGHT = (
    Limits(head_bytes=60), Limits(field_count=2), Limits(field_bytes=18), Limits(target_bytes=6),
    Limits(head_bytes=100, field_count=4, field_bytes=24, target_bytes=12),
)

MUTANTS = 8     # of one request: to make it costs more than to break it

Verdict = tuple[Any, ...]


def expected_head(data: bytes, limits: Limits) -> Verdict:
    """The reference's verdict on a stream that has come as far as data."""
    try:
        request = read_head(data, limits)
    except Incomplete:
        return ("incomplete",)
    except Refused as refusal:
        return "refused", refusal.status
    return "request", *(part for name, part in request._asdict().items() if name != "form")


def parsed_head(pieces: Sequence[bytes], limits: Limits) -> list[Verdict]:
    """The parser's verdict after each piece, in the reference's form."""
    parser = HeadParser(
        max_head_bytes=limits.head_bytes, max_fields=limits.field_count, max_field_bytes=limits.field_bytes,
        max_target_bytes=limits.target_bytes)
    return [parsed_piece(parser, piece) for piece in pieces]


def parsed_piece(parser: HeadParser, piece: bytes) -> Verdict:
    try:
        if not parser.feed(piece):
            return ("incomplete",)
    except HeadError as error:
        return "refused", error.status
    return (
        "request", parser.method, parser.target, parser.path, parser.query, parser.version,
        parser.host, parser.fields, parser.content_length, parser.chunked, parser.keep_alive,
        parser.expect_continue, parser.upgrade, parser.size)


def read(data: bytes) -> Reading | str:
    """Read the first request of a stream and its body, as peers.py has it of others."""
    parser = HeadParser()
    try:
        if not parser.feed(data):
            return INCOMPLETE
        body = read_body(data[parser.size:], parser.chunked, parser.content_length)
    except (HeadError, Refused):
        return REFUSED
    except Incomplete:
        return INCOMPLETE
    fields = [(name.lower(), value.lower()) for name, value in parser.fields]
    return Reading(parser.method, parser.target, fields, body.content, parser.size + body.size)


class Disagreement(AssertionError):
    """The two read the same bytes differently."""


def compare(pieces: Sequence[bytes], limits: Limits) -> Verdict:
    """The verdict of both on the pieces; raises Disagreement at the first piece after which they differ."""
    data = b""
    expected: Verdict = ()
    for piece, parsed in zip(pieces, parsed_head(pieces, limits), strict=True):
        data += piece
        expected = expected_head(data, limits)
        if parsed != expected:
            raise Disagreement(f"{limits}\n{data!r}\nexpected {expected}\nparsed   {parsed}")
    return expected


def compare_mutants(random: Random, count: int) -> Iterator[Verdict]:
    """The verdicts on that many mutations of one request, in pieces; some under limits that they meet."""
    request = make_request(random)
    for _ in range(count):
        pieces = cut(random, mutate(random, request))
        yield compare(pieces, random.choice((*[Limits()] * 20, *TIGHT)))


def compare_edits() -> Iterator[Verdict]:
    """The verdicts on every single edit of the heads of the valid vectors."""
    groups = [*VALID_HEADS.values(), *VALID_BODIES.values()]
    streams = [data for group in groups for data in group.values()]
    # A long one has nothing that the short ones lack, and its edits are as many as its bytes squared.
    for head in {data[:data.index(b"\r\n\r\n") + 4] for data in streams if len(data) < 400}:
        for at in range(len(head) + 1):
            for byte in range(256):
                yield compare([head[:at] + bytes([byte]) + head[at:]], Limits())
                yield compare([head[:at] + bytes([byte]) + head[at + 1:]], Limits())
            for end in range(at + 1, len(head) + 1):
                yield compare([head[:at] + head[end:]], Limits())


def compare_mutated(examples: int, seed: int) -> Iterator[Verdict]:
    random = Random(seed)
    for _ in range(0, examples, MUTANTS):
        yield from compare_mutants(random, MUTANTS)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--examples", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--edits", action="store_true")
    chosen = options.parse_args()
    verdicts: Counter[Verdict] = Counter()
    try:
        for verdict in compare_edits() if chosen.edits else compare_mutated(chosen.examples, chosen.seed):
            verdicts[verdict[:2] if verdict[0] == "refused" else verdict[:1]] += 1
    except Disagreement as found:
        print(f"after {verdicts.total()}: {found}")
        return 1
    print(f"agreed on {verdicts.total()}")
    for verdict, count in verdicts.most_common():
        print(f"{count:10}", *verdict)
    return 0


if __name__ == "__main__":
    sys.exit(main())
