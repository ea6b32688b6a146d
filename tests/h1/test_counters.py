"""The buckets that latencies are counted in."""

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastloop_http._h1.counters import bounds, bucket

BOUNDS = bounds()


def test_bounds_rise_from_a_microsecond_to_a_minute() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))
    assert BOUNDS[:3] == (1024, 2048, 3072)
    assert BOUNDS[-1] == 1024 << 26


def test_a_bucket_is_a_microsecond_wide_or_an_eighth_of_where_it_begins() -> None:
    for low, high in zip((0, *BOUNDS), BOUNDS, strict=False):
        assert high - low <= max(1024, low / 8)


@pytest.mark.parametrize("index", range(len(BOUNDS)))
def test_each_bound_is_where_the_next_bucket_begins(index: int) -> None:
    assert bucket(BOUNDS[index] - 1) == index
    assert bucket(BOUNDS[index]) == index + 1


@given(st.integers(0, 2**63 - 1) | st.integers(0, 2**40) | st.integers(0, 2**16))
def test_every_latency_is_counted_in_the_bucket_whose_bounds_it_lies_within(latency_ns: int) -> None:
    assert bucket(latency_ns) == bisect_right(BOUNDS, latency_ns)
