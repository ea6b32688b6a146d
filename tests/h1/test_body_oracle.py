"""The compiled body decoder against the reference, on bodies that Hypothesis makes and mutates."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.http1 import BodyLimits, Incomplete, Refused, read_body
from oracles.mutation import cut, make_chunked, mutate
from oracles.vectors import REFUSED_BODIES, VALID_BODIES

from fastloop_http._h1.parser import BodyParser, HeadParser
from fastloop_http._h1.refusal import BodyError

MUTANTS = 8
NO_LIMITS = BodyLimits()
TIGHT = (
    BodyLimits(body_bytes=6), BodyLimits(extension_bytes=4), BodyLimits(trailer_bytes=12),
    BodyLimits(trailer_count=1), BodyLimits(field_bytes=6))


def expected(data, length=None, limits=NO_LIMITS):
    try:
        return "done", *read_body(data, length is None, length, limits)
    except Incomplete:
        return ("incomplete",)
    except Refused:
        return ("refused",)


def parsed(pieces, length=None, limits=NO_LIMITS):
    parser = BodyParser(
        length, max_body_bytes=limits.body_bytes, max_chunk_ext_bytes=limits.extension_bytes,
        max_trailer_bytes=limits.trailer_bytes, max_fields=limits.trailer_count,
        max_field_bytes=limits.field_bytes)
    try:
        content = b"".join(part for piece in pieces for part in parser.feed(piece))
    except BodyError:
        return ("refused",)
    return ("done", content, parser.trailers, parser.offset) if parser.done else ("incomplete",)


@given(st.randoms(use_true_random=False))
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutated_bodies_get_the_references_verdict_and_content(random):
    body = make_chunked(random)
    for _ in range(MUTANTS):
        pieces = cut(random, mutate(random, body))
        limits = random.choice((*[NO_LIMITS] * 10, *TIGHT))
        assert parsed(pieces, None, limits) == expected(b"".join(pieces), None, limits), (pieces, limits)


@pytest.mark.parametrize(("data", "valid"), [
    pytest.param(data, table is VALID_BODIES, id=name)
    for table in (VALID_BODIES, REFUSED_BODIES) for rows in table.values() for name, data in rows.items()])
def test_vectors_are_read_as_the_reference_reads_them(data, valid):
    head = HeadParser()
    assert head.feed(data)
    length = None if head.chunked else head.content_length or 0
    outcome = parsed([data[head.size:]], length)
    assert outcome == expected(data[head.size:], length)
    assert (outcome[0] == "done") is valid
