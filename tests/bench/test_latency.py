"""Latency probes: what they see of a loop that is early, starves or wakes up, and how it is judged."""

import asyncio
import os
import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.latency import claims, figures, probes, report
from bench.latency.__main__ import main
from bench.latency.figures import Row, Run, Seen
from bench.latency.measure import Plan, measure
from bench.latency.probes import PROBES, Trial

CORE = min(os.sched_getaffinity(0))
PLAN = Plan(1, 0.05, CORE, CORE, random.Random(1))


def make_row(name: str, **seen: Seen) -> Row:
    probe = PROBES[name]
    loops = [replace(each, loop=loop) for loop, each in seen.items()]
    return Row(name, probe.title, probe.unit, probe.is_timer, loops)


def make_run(*rows: Row) -> Run:
    return Run("python -m bench.latency", 1, 1, 2.0, {"cpu": "some CPU"}, list(rows), {"zuvloop": "too old"})


class Hasty(asyncio.SelectorEventLoop):
    """Fires every timer at once."""

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, **options: Any
    ) -> asyncio.TimerHandle:
        return super().call_later(0, callback, *args, **options)


class Deaf(asyncio.SelectorEventLoop):
    """Hears of no socket."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        pass


def test_timer_that_fires_early_is_a_sample_below_zero() -> None:
    with closing(Hasty()) as loop:
        trial = Trial(loop, 0.02, 0)
        probes.timer(3600.0)(trial)
    assert trial.samples
    assert all(sample < 0 for sample in trial.samples)


def test_socket_that_is_never_served_is_starved_and_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "STARVED_SECONDS", 0.05)
    with closing(Deaf()) as loop:
        trial = Trial(loop, 0.02, 0)
        PROBES["chain_socket"].run(trial)
    assert (trial.samples, trial.starved) == ([], 1)


def test_second_answer_to_one_question_is_an_error() -> None:
    with closing(asyncio.SelectorEventLoop()) as loop:
        trial = Trial(loop, 1.0, 0)
        trial.ask()
        trial.answer()
        with pytest.raises(RuntimeError, match="an answer came twice"):
            trial.answer()


@pytest.mark.parametrize("name", ["timer1.5", "chain_socket", "chain_timer", "flood_socket", "idle"])
def test_probe_of_our_loop_has_samples_and_clears_its_bar(name: str) -> None:
    row = measure(PROBES[name], ["fastloop"], PLAN)
    assert row.loops[0].errors == []
    (verdict,) = claims.judge(make_run(row))
    assert verdict.cleared, verdict


def test_rounds_are_taken_together_and_a_failure_is_the_loops_own() -> None:
    row = measure(PROBES["idle"], ["asyncio", "noloop"], replace(PLAN, rounds=2))
    good, bad = row.loops
    assert (len(good.samples), good.errors) == (2, [])
    assert bad.errors == ["round 1: KeyError: 'noloop'", "round 2: KeyError: 'noloop'"]


@pytest.mark.parametrize(
    ("part", "expected"), [(0.01, 1.0), (0.5, 5.0), (0.9, 9.0), (0.91, 10.0), (1.0, 10.0)]
)
def test_percentile_is_a_sample_that_was_seen(part: float, expected: float) -> None:
    assert Seen("x", [float(each) for each in range(10, 0, -1)]).percentile(part) == expected


@pytest.mark.parametrize(
    ("name", "seen", "cleared"),
    [
        ("timer1", Seen("", [5.0, 80.0]), True),
        ("timer1", Seen("", [5.0, -0.1]), False),
        ("timer1", Seen("", []), False),
        ("timer1", Seen("", [5.0], errors=["round 2: it did not end"]), False),
        ("chain_socket", Seen("", [5.0]), True),
        ("chain_socket", Seen("", [5.0], starved=1), False),
        ("chain_timer", Seen("", [-5.0]), False),
        ("idle", Seen("", [0.0, 0.0]), True),
        ("idle", Seen("", [0.0, 1.0]), False),
    ],
)
def test_bars(name: str, seen: Seen, cleared: bool) -> None:
    run = make_run(make_row(name, asyncio=Seen("", [-1.0], starved=3), fastloop=seen))
    assert [verdict.cleared for verdict in claims.judge(run)] == [cleared]


def test_run_survives_its_json(tmp_path: Path) -> None:
    run = make_run(make_row("timer1", fastloop=Seen("", [5.0])), make_row("idle", asyncio=Seen("", [0.0])))
    figures.write(run, tmp_path / "run.json")
    assert figures.read(tmp_path / "run.json") == run


def test_table_and_markdown_say_what_was_seen() -> None:
    failed = Seen("", [-3.0], errors=["round 2: ended"])
    row = make_row("timer1", fastloop=Seen("", [5.0, 2000.0]), uvloop=failed)
    lines = report.row_table(row).splitlines()
    assert lines[2].split() == ["fastloop", "2", "0", "0", "5", "2,000", "2,000", "2,000"]
    assert lines[3].split() == ["uvloop", "1", "1", "0", "-3", "-3", "-3", "-3"]
    assert lines[4] == "  !! uvloop INVALID, round 2: ended"
    text = report.to_markdown(make_run(row))
    assert "| lateness of a timer of 1 ms, us | fastloop | 2 | 0 | 0 | 5 | 2,000 | 2,000 | 2,000 |" in text


@pytest.mark.parametrize(("sample", "status"), [(5.0, 0), (-5.0, 1)])
def test_check_exits_by_the_verdicts(tmp_path: Path, sample: float, status: int) -> None:
    path = tmp_path / "run.json"
    figures.write(make_run(make_row("timer1", fastloop=Seen("", [sample]))), path)
    assert main(["--from", str(path), "--check"]) == status
