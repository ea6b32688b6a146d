"""The parser's bench: what its loops count, figures in a case's unit, bars, text, and what is missing."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httptools
import pytest

from bench.e2e.build import Missing
from bench.parser import cases, claims, figures, report
from bench.parser.__main__ import main
from bench.parser.cases import CASES, HEAD_40, HEAD_703, Case, face
from bench.parser.figures import Row, Run, Timed
from bench.parser.measure import measure

RNG = random.Random(1)


def make_row(name: str = "head703", error: str | None = None, **ns: list[float]) -> Row:
    case = CASES[name]
    timed = [Timed(each, dict(enumerate(times, start=1)), error) for each, times in ns.items()]
    return Row(name, case.title, case.unit, case.content_bytes, timed)


def make_run(*rows: Row, **missing: str) -> Run:
    return Run("python -m bench.parser", 1, 3, {"cpu": "some CPU"}, list(rows), missing)


def make_case(name: str, **timers: Callable[[], float]) -> Case:
    return replace(CASES["head40"], name=name, contenders=lambda: timers)


def test_heads_are_as_large_as_their_names_say() -> None:
    assert (len(HEAD_40), len(HEAD_703)) == (40, 703)
    assert all(64 * 1024 - 40 < len(head) < 66 * 1024 for head in cases.WORST_HEADS)


@pytest.mark.parametrize("name", ["head40", "head703", "worst64k", "chunked64k"])
def test_loops_in_c_parse_what_the_case_says(name: str) -> None:
    rows, missing = measure([CASES[name]], 1, RNG)
    assert missing == {}
    assert rows[0].timed[0].error is None
    assert rows[0].timed[0].median_ns > 0


def test_a_message_that_is_refused_or_cut_short_has_no_time() -> None:
    loops = cases._loops()
    for data in (b"GET / HTTP/1.1\r\n", b"GET  / HTTP/1.1\r\n\r\n"):
        with pytest.raises(ValueError, match="refused or cut short"):
            loops.head_ns(data, 1)
    with pytest.raises(ValueError, match="refused"):
        loops.bytewise_ns(b"GET / HTTP/1.1\r\n\r\r")
    for data, content in ((b"1\r\na\r\n", 1), (b"1\r\nab\r\n0\r\n\r\n", 1), (b"1\r\na\r\n0\r\n\r\n", 2)):
        with pytest.raises(ValueError, match="the body is"):
            loops.chunked_ns(data, content, 1)


def test_face_counts_the_fields_its_callbacks_are_told_of() -> None:
    assert face(httptools.HttpRequestParser, HEAD_703, 9, 3)() > 0
    with pytest.raises(RuntimeError, match="of 8 fields, 9 came"):
        face(httptools.HttpRequestParser, HEAD_703, 8, 3)()


def test_faces_are_timed_side_by_side() -> None:
    rows, missing = measure([CASES["face40"]], 2, RNG)
    assert missing == {}
    assert rows[0].ratio("fastloop", "httptools") is not None


def test_what_cannot_be_had_is_missing_and_what_fails_is_not_asked_again() -> None:
    calls = []

    def lacking() -> Any:
        raise Missing("no compiler")

    def failing() -> float:
        calls.append(1)
        raise ValueError("refused")

    lost = replace(make_case("lost"), contenders=lacking)
    rows, missing = measure([lost, make_case("bad", fastloop=failing, httptools=lambda: 2.0)], 3, RNG)
    assert missing == {"lost": "no compiler"}
    bad, good = rows[0].timed
    assert (bad.valid, bad.error, len(calls)) == (False, "round 0: refused", 1)
    assert good.ns == {1: 2.0, 2: 2.0, 3: 2.0}


@pytest.mark.parametrize(
    ("row", "cleared"),
    [
        (make_row("head40", fastloop=[49.0, 50.0, 90.0]), [True]),
        (make_row("head40", fastloop=[49.0, 50.1, 51.0]), [False]),
        (make_row("head703", fastloop=[200.0]), [True]),
        (make_row("worst64k", fastloop=[50e6]), [True]),
        (make_row("worst64k", fastloop=[51e6]), [False]),
        (make_row("head703", error="round 2: refused", fastloop=[10.0]), [False]),
        (make_row("chunked64k", fastloop=[13_107.0]), [True]),
        (make_row("chunked64k", fastloop=[13_108.0]), [False]),
        (make_row("face40", fastloop=[2.0, 2.0], httptools=[3.0, 3.0]), [True]),
        (make_row("face703", fastloop=[2.1, 2.1], httptools=[3.0, 3.0]), [False]),
        (make_row("face703", fastloop=[2.0]), [False]),
    ],
)
def test_bars(row: Row, cleared: list[bool]) -> None:
    assert [verdict.cleared for verdict in claims.judge(make_run(row))] == cleared


def test_missing_case_misses_its_bar() -> None:
    verdicts = claims.judge(make_run(head40="no compiler", face40="no httptools"))
    assert [(each.cleared, each.figure) for each in verdicts] == [
        (False, "no compiler"), (False, "no httptools")]


def test_run_survives_its_json(tmp_path: Path) -> None:
    failed = make_row("head40", error="round 1: refused", fastloop=[])
    run = make_run(make_row(fastloop=[100.0, 110.0]), failed, face40="no class")
    figures.write(run, tmp_path / "run.json")
    assert figures.read(tmp_path / "run.json") == run


def test_table_and_markdown_give_each_case_in_its_unit() -> None:
    run = make_run(
        make_row("head703", fastloop=[150.0, 160.0, 170.0]),
        make_row("worst64k", fastloop=[2.5e6]),
        make_row("chunked64k", fastloop=[4096.0, 8192.0, 16384.0]),
        make_row("face40", fastloop=[100.0, 100.0], httptools=[400.0, 500.0]),
        make_row("head40", error="round 1: refused", fastloop=[1.0]),
        face703="no class",
    )
    lines = report.table(run).splitlines()[4:]
    assert lines[0].split() == ["head703", "fastloop", "160", "(150-170)", "ns"]
    assert lines[1].split() == ["worst64k", "fastloop", "2.50", "(2.50-2.50)", "ms"]
    assert lines[2].split() == ["chunked64k", "fastloop", "8.00", "(4.00-16.00)", "GB/s"]
    assert lines[3].split() == ["face40", "fastloop", "100", "(100-100)", "ns", "0.23", "(0.20-0.25)"]
    assert lines[4].split() == ["face40", "httptools", "450", "(400-500)", "ns"]
    assert lines[5:] == ["  !! head40 fastloop INVALID, round 1: refused", "  -- no face703: no class"]
    text = report.to_markdown(run)
    assert "| a browser's head of 703 bytes, ns | **160** (150\N{EN DASH}170) |  |" in text
    assert "| a head of 40 bytes, ns | invalid |  |" in text


@pytest.mark.parametrize(("ns", "status"), [(150.0, 0), (250.0, 1)])
def test_check_exits_by_the_verdicts(tmp_path: Path, ns: float, status: int) -> None:
    path = tmp_path / "run.json"
    figures.write(make_run(make_row(fastloop=[ns])), path)
    assert main(["--from", str(path), "--check"]) == status
