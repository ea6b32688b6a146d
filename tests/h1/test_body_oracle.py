"""The compiled body decoder against the reference, on bodies that Hypothesis makes and mutates.

FASTLOOP_EXAMPLES sets how many, as in test_head_oracle.
"""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.compare import MUTANTS, compare_body, compare_body_mutants
from oracles.http1 import BodyLimits
from oracles.mutation import cut

BODIES = int(os.environ.get("FASTLOOP_EXAMPLES", "0"))
many = settings(
    max_examples=-(-BODIES // MUTANTS) or 250, deadline=None, suppress_health_check=list(HealthCheck),
    **({"database": None} if BODIES else {}))


@given(st.randoms(use_true_random=False))
@many
def test_mutated_bodies_get_the_references_verdict_and_content(random):
    assert len(list(compare_body_mutants(random, MUTANTS))) == MUTANTS


@given(st.randoms(use_true_random=False), st.binary(max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_bodies_of_a_length_are_read_as_the_reference_reads_them(random, data, length, body_bytes):
    compare_body(cut(random, data), length, BodyLimits(body_bytes=body_bytes))
