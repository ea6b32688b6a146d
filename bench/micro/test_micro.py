"""The workloads under pytest-benchmark: `python -m pytest bench/micro`.

It runs one loop after the other, so its figures drift with the machine; `python -m bench.micro` compares.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from bench.loops import LOOPS, lacking, new_loop
from bench.micro.pending import measure_apart
from bench.micro.workloads import WORKLOADS, Loop, Workload

ROUNDS = 20


@pytest.fixture(params=LOOPS)
def loop_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    why = lacking(name)
    if why is not None:
        pytest.skip(why)
    return name


@pytest.fixture
def loop(loop_name: str) -> Iterator[Loop]:
    loop = new_loop(loop_name)
    yield loop
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)
def test_every_operation_happens(benchmark: Any, loop: Loop, workload: Workload) -> None:
    benchmark.group = f"{workload.title}, {workload.operations:,} times"
    benchmark.pedantic(
        workload.run_checked, args=(loop, workload.operations), rounds=ROUNDS, warmup_rounds=1
    )
    if benchmark.stats is not None:
        ns = benchmark.stats.stats.median / workload.operations * 1e9
        benchmark.extra_info["ns_per_operation"] = round(ns, 1)


def test_cancelled_timers_give_their_memory_back(benchmark: Any, loop_name: str) -> None:
    benchmark.group = "a million timers, nine of ten cancelled"
    found = benchmark.pedantic(measure_apart, args=(loop_name,), rounds=1)
    benchmark.extra_info.update({name: round(each, 1) for name, each in found.items()})
