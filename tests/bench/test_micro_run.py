"""Runs of single operations: figures, bars, text, and the processes that do the timing."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from bench.micro import claims, figures, report
from bench.micro.__main__ import main
from bench.micro.figures import LoopResult, Row, Run
from bench.micro.measure import measure, workers
from bench.micro.workloads import WORKLOADS


def make_row(name: str = "call_soon", **ns: list[float]) -> Row:
    loops = [LoopResult(loop, dict(enumerate(each, start=1))) for loop, each in ns.items()]
    return Row(name, WORKLOADS[name].title, loops)


def make_run(*rows: Row) -> Run:
    memory = {"fastloop": {"pending_bytes": 300.0, "left_bytes": 200.0, "left_traced_bytes": 50.0}}
    return Run("python -m bench.micro", 1, 2, {"cpu": "some CPU"}, list(rows), memory, {"zuvloop": "too old"})


def invalid(row: Row, loop: str) -> Row:
    return replace(
        row, loops=[replace(each, error="round 1: lost") if each.loop == loop else each for each in row.loops]
    )


def test_loops_are_compared_within_a_round_not_across_rounds() -> None:
    # The machine became four times as slow in round 2.
    row = make_row(asyncio=[400.0, 1600.0, 500.0], fastloop=[100.0, 400.0, 100.0])
    ratio = row.ratio("fastloop", "asyncio")
    assert ratio is not None
    assert (ratio.median, ratio.least, ratio.most) == (0.25, 0.2, 0.25)


def test_fastest_peer_is_never_ours() -> None:
    row = make_row(asyncio=[400.0], fastloop=[100.0], uvloop=[300.0])
    assert row.fastest_peer() == "uvloop"
    assert invalid(row, "uvloop").fastest_peer() == "asyncio"
    assert make_row(fastloop=[100.0]).fastest_peer() is None


def test_run_survives_its_json(tmp_path: Path) -> None:
    run = make_run(make_row(asyncio=[400.0, 420.0]), invalid(make_row(fastloop=[100.0]), "fastloop"))
    figures.write(run, tmp_path / "run.json")
    assert figures.read(tmp_path / "run.json") == run


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (make_row(asyncio=[300.0], fastloop=[100.0]), [True]),
        (make_row(asyncio=[300.0], fastloop=[101.0]), [False]),
        (make_row(asyncio=[300.0], fastloop=[100.0], zuvloop=[101.0]), [True, True]),
        (make_row(asyncio=[300.0], fastloop=[100.0], zuvloop=[100.0]), [True, False]),
        (make_row("timers_due", asyncio=[100.0], fastloop=[100.0]), []),
        (make_row("timers_due", asyncio=[100.0], fastloop=[90.0], zuvloop=[95.0]), [True]),
        (invalid(make_row(asyncio=[300.0], fastloop=[100.0]), "asyncio"), [False]),
        (invalid(make_row(asyncio=[300.0], fastloop=[100.0]), "fastloop"), [False]),
        (make_row(asyncio=[300.0], uvloop=[100.0]), []),
    ],
)
def test_bars(row: Row, expected: list[bool]) -> None:
    assert [verdict.cleared for verdict in claims.judge(make_run(row))] == expected


def test_bars_are_about_workloads_that_exist() -> None:
    assert set(claims.THREE_TIMES_ASYNCIO) <= set(WORKLOADS)


def test_table_gives_the_ratios_and_names_what_is_invalid() -> None:
    row = make_row(asyncio=[400.0, 600.0], fastloop=[100.0, 150.0], uvloop=[200.0, 200.0])
    lines = report.row_table(invalid(row, "uvloop")).splitlines()
    assert lines[2].split() == ["fastloop", "125", "(100-150)", "0.25", "(0.25-0.25)", "0.25", "(0.25-0.25)"]
    assert lines[3].split() == ["asyncio", "500", "(400-600)"]
    assert lines[4] == "  !! uvloop INVALID, round 1: lost"


def test_markdown_has_a_line_a_workload_and_the_memory() -> None:
    row = make_row(asyncio=[4000.0], fastloop=[1000.0], uvloop=[2000.0])
    text = report.to_markdown(make_run(row))
    assert "| ns an operation | fastloop | uvloop | asyncio | fastloop / asyncio |" in text
    assert "| call_soon | 1,000 | 2,000 | 4,000 | **0.25**" in text
    assert "(uvloop) |" in text
    assert "| fastloop | 300 | 200 | 50 |" in text
    assert "some CPU" in text


def test_workers_time_a_workload_every_round() -> None:
    with workers(["asyncio", "fastloop"]) as processes:
        row = measure(WORKLOADS["getaddrinfo"], processes, 2, random.Random(1))
    assert [each.loop for each in row.loops] == ["asyncio", "fastloop"]
    assert all(each.valid and list(each.ns) == [1, 2] for each in row.loops)


def test_worker_that_ends_makes_its_loop_invalid_and_no_other() -> None:
    with workers(["asyncio", "noloop"]) as processes:
        row = measure(WORKLOADS["getaddrinfo"], processes, 1, random.Random(1))
    asyncio, noloop = row.loops
    assert asyncio.valid
    assert noloop.error == "round 0: the worker ended: KeyError: 'noloop'"


@pytest.mark.parametrize(("ns", "status"), [(100.0, 0), (200.0, 1)])
def test_check_exits_by_the_verdicts(tmp_path: Path, ns: float, status: int) -> None:
    path = tmp_path / "run.json"
    figures.write(make_run(make_row(asyncio=[400.0], fastloop=[ns])), path)
    assert main(["--from", str(path), "--check"]) == status
