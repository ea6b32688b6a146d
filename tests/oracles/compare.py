"""Compare the compiled parsers with the reference on mutated heads and bodies, as many as asked for.

    python -m tests.oracles.compare --examples 1000000 --seed 1
    python -m tests.oracles.compare --edits

The second makes every single edit of the valid vectors instead: each byte inserted and put in place of
another, each run of bytes taken out. Both count the verdicts, and end at a disagreement with the bytes and
both verdicts. Put it into a table in tests/h1, and see by the RFC which of the two is wrong.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from random import Random
from typing import Any

from fastloop_http._h1.parser import BodyParser, HeadParser
from fastloop_http._h1.refusal import BodyError, HeadError, ParseError

from .http1 import BodyLimits, Incomplete, Limits, Refused, read_body, read_head
from .mutation import cut, make_chunked, make_request, mutate
from .peers import INCOMPLETE, REFUSED, Reading
from .vectors import VALID_BODIES, VALID_HEADS

# Small enough for a request made by the grammar to meet them.
TIGHT = (
    Limits(head_bytes=60), Limits(field_count=2), Limits(field_bytes=18), Limits(target_bytes=6),
    Limits(head_bytes=100, field_count=4, field_bytes=24, target_bytes=12),
)
TIGHT_BODIES = (
    BodyLimits(body_bytes=6), BodyLimits(extension_bytes=4), BodyLimits(trailer_bytes=12),
    BodyLimits(trailer_count=1), BodyLimits(field_bytes=6), BodyLimits(2, 2, 20, 2, 12),
)

MUTANTS = 8     # of one head or body: to make it costs more than to break it

Verdict = tuple[Any, ...]


class Disagreement(AssertionError):
    """The two read the same bytes differently."""


# ---- Heads

def expected_head(data: bytes, limits: Limits) -> Verdict:
    """The reference's verdict on a stream that has come as far as data."""
    try:
        request = read_head(data, limits)
    except Incomplete:
        return ("incomplete",)
    except Refused as refusal:
        return "refused", refusal.status
    return "request", *(part for name, part in request._asdict().items() if name != "form")


def new_parser(limits: Limits) -> HeadParser:
    return HeadParser(
        max_head_bytes=limits.head_bytes, max_fields=limits.field_count, max_field_bytes=limits.field_bytes,
        max_target_bytes=limits.target_bytes)


@cache
def used_parser(limits: Limits) -> HeadParser:
    """A parser to be reset and used again, as the server does: it has room for fields from the first on."""
    return new_parser(limits)


def parsed_head(pieces: Sequence[bytes], limits: Limits) -> list[Verdict]:
    """The verdict after each piece, in the reference's form, of a new parser and of a used one."""
    verdicts = []
    for parser in (new_parser(limits), used_parser(limits)):
        parser.reset()
        verdicts.append([parsed_piece(parser, piece) for piece in pieces])
    if verdicts[0] != verdicts[1]:
        raise Disagreement(f"{limits}\n{pieces!r}\nnew parser {verdicts[0]}\nused       {verdicts[1]}")
    return verdicts[0]


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


def compare(pieces: Sequence[bytes], limits: Limits) -> Verdict:
    """The verdict of both on a head in pieces; raises Disagreement at the first after which they differ."""
    return agree(pieces, parsed_head(pieces, limits), lambda data: expected_head(data, limits))


def agree(pieces: Sequence[bytes], parsed: Sequence[Verdict], expect: Callable[[bytes], Verdict]) -> Verdict:
    data = b""
    expected: Verdict = ()
    for piece, verdict in zip(pieces, parsed, strict=True):
        data += piece
        expected = expect(data)
        if verdict != expected:
            raise Disagreement(f"{pieces!r}, as far as\n{data!r}\nexpected {expected}\nparsed   {verdict}")
    return expected


def compare_mutants(random: Random, count: int) -> Iterator[Verdict]:
    """The verdicts on that many mutations of one request, in pieces; some under tight limits."""
    request = make_request(random)
    for _ in range(count):
        pieces = cut(random, mutate(random, request))
        yield compare(pieces, random.choice((*[Limits()] * 20, *TIGHT)))


# ---- Bodies: chunked where length is None

def expected_body(data: bytes, length: int | None, limits: BodyLimits) -> Verdict:
    """The reference's verdict on a body that has come as far as data."""
    try:
        body = read_body(data, length is None, length, limits)
    except Incomplete:
        return ("incomplete",)
    except Refused as refusal:
        return "refused", refusal.status
    return "body", *body


def parsed_body(pieces: Sequence[bytes], length: int | None, limits: BodyLimits) -> list[Verdict]:
    """The parser's verdict after each piece, in the reference's form."""
    parser = BodyParser(
        length, max_body_bytes=limits.body_bytes, max_chunk_ext_bytes=limits.extension_bytes,
        max_trailer_bytes=limits.trailer_bytes, max_fields=limits.trailer_count,
        max_field_bytes=limits.field_bytes)
    content = b""
    verdicts: list[Verdict] = []
    for piece in pieces:
        try:
            content += b"".join(parser.feed(piece))
        except BodyError as error:
            verdicts.append(("refused", error.status))
        else:
            done = ("body", content, parser.trailers, parser.offset)
            verdicts.append(done if parser.done else ("incomplete",))
    return verdicts


def compare_body(pieces: Sequence[bytes], length: int | None, limits: BodyLimits) -> Verdict:
    """The verdict of both on a body in pieces; raises Disagreement at the first after which they differ."""
    parsed = parsed_body(pieces, length, limits)
    return agree(pieces, parsed, lambda data: expected_body(data, length, limits))


def compare_body_mutants(random: Random, count: int) -> Iterator[Verdict]:
    """The verdicts on that many mutations of one chunked body, in pieces; some under tight limits."""
    body = make_chunked(random)
    for _ in range(count):
        pieces = cut(random, mutate(random, body))
        yield compare_body(pieces, None, random.choice((*[BodyLimits()] * 20, *TIGHT_BODIES)))


# ---- Both

def read(data: bytes) -> Reading | str:
    """Read the first request of a stream and its body, as peers.py has it of others."""
    head = HeadParser()
    try:
        if not head.feed(data):
            return INCOMPLETE
        body = BodyParser(None if head.chunked else head.content_length or 0)
        content = b"".join(body.feed(data[head.size:]))
    except ParseError:
        return REFUSED
    if not body.done:
        return INCOMPLETE
    fields = [(name.lower(), value.lower()) for name, value in head.fields]
    return Reading(head.method, head.target, fields, content, head.size + body.offset)


def edits(data: bytes) -> Iterator[bytes]:
    """Every single edit of data."""
    for at in range(len(data) + 1):
        for byte in range(256):
            yield data[:at] + bytes([byte]) + data[at:]
            yield data[:at] + bytes([byte]) + data[at + 1:]
        for end in range(at + 1, len(data) + 1):
            yield data[:at] + data[end:]


def compare_edits() -> Iterator[Verdict]:
    """The verdicts on every single edit of the heads and the chunked bodies of the valid vectors."""
    groups = [*VALID_HEADS.values(), *VALID_BODIES.values()]
    # A long one has nothing that the short ones lack, and its edits are as many as its bytes squared.
    streams = [data for group in groups for data in group.values() if len(data) < 400]
    parts = [data.partition(b"\r\n\r\n") for data in streams]
    for head in {head + end for head, end, _ in parts}:
        for edited in edits(head):
            yield compare([edited], Limits())
    for body in {body for head, _, body in parts if b": chunked" in head.lower()}:
        for edited in edits(body):
            yield compare_body([edited], None, BodyLimits())


def compare_mutated(examples: int, seed: int) -> Iterator[Verdict]:
    """The verdicts on that many mutated heads, and as many bodies."""
    random = Random(seed)
    for _ in range(0, examples, MUTANTS):
        yield from compare_mutants(random, MUTANTS)
        yield from compare_body_mutants(random, MUTANTS)


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
