"""The timed operations: all of them happen, on any loop, and a loop that skips some is found out."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from contextvars import Context
from typing import Any

import pytest

from bench.facts import ROOT
from bench.loops import new_loop
from bench.micro import pending
from bench.micro.workloads import BATCH, WORKLOADS, Loop, Workload, WrongCount


@pytest.fixture(params=["asyncio", "fastloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    loop = new_loop(request.param)
    yield loop
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)
def test_every_operation_happens(loop: Loop, workload: Workload) -> None:
    assert workload.operations % BATCH == 0
    workload.run_checked(loop, BATCH)


class Forgetful(asyncio.SelectorEventLoop):
    """Loses one callback in a hundred."""

    scheduled = 0

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        self.scheduled += 1
        if self.scheduled % 100 == 0 and callback.__name__.startswith("tick"):
            return super().call_soon(lambda *_: None, *args, context=context)
        return super().call_soon(callback, *args, context=context)


@pytest.mark.parametrize("name", ["call_soon", "call_soon_args"])
def test_loop_that_loses_callbacks_has_no_time(name: str) -> None:
    with closing(Forgetful()) as loop, pytest.raises(WrongCount, match=f"{name}: 9.. of {BATCH} operations"):
        WORKLOADS[name].run_checked(loop, BATCH)


def test_operation_that_raises_is_a_wrong_count_and_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(delay: float, callback: object) -> asyncio.TimerHandle:
        raise NotImplementedError

    reports: list[object] = []
    with closing(asyncio.SelectorEventLoop()) as loop:
        loop.set_exception_handler(lambda _, context: reports.append(context))
        monkeypatch.setattr(loop, "call_later", refuse)
        with pytest.raises(WrongCount, match="0 of 1000"):
            WORKLOADS["timer_cancel"].run_checked(loop, BATCH)
    assert len(reports) == 1


@pytest.mark.parametrize("loop_name", ["asyncio", "fastloop"])
def test_memory_is_that_of_the_pending_timers(loop_name: str) -> None:
    # Most of it goes when nine of ten are cancelled: tracemalloc tells, resident pages and a pool may stay.
    command = [sys.executable, "-X", "tracemalloc", "-m", "bench.micro.pending", loop_name, "100000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    found = json.loads(done.stdout)
    assert 50 < found["pending_bytes"] < 1000
    assert found["left_bytes"] < found["pending_bytes"] / 2


def test_memory_of_a_loop_that_is_not_there_has_its_reason() -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'noloop'"):
        pending.measure_apart("noloop")
