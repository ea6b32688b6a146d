"""A bar is cleared by a valid figure within it, and by nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.e2e import claims, figures
from bench.e2e.__main__ import main
from bench.e2e.figures import Run

MakeRun = Callable[..., Run]


def cleared(run: Run) -> list[bool]:
    return [verdict.cleared for verdict in claims.judge(run)]


def test_plaintext_within_both_bars_clears_them(make_run: MakeRun) -> None:
    assert cleared(make_run("plaintext", {"limit": 5.0, "axum": 5.6, "fastloop_http": 5.5})) == [True, True]


def test_plaintext_dearer_than_axum_is_missed(make_run: MakeRun) -> None:
    assert cleared(make_run("plaintext", {"limit": 5.0, "axum": 5.4, "fastloop_http": 5.5})) == [False, True]


def test_plaintext_tax_above_the_bar_is_missed(make_run: MakeRun) -> None:
    assert cleared(make_run("plaintext", {"limit": 5.0, "axum": 6.0, "fastloop_http": 5.7})) == [True, False]


@pytest.mark.parametrize(("cost", "expected"), [(1.19, True), (1.21, False)])
def test_pipelined_bar_is_the_cost_itself(make_run: MakeRun, cost: float, expected: bool) -> None:
    assert cleared(make_run("pipelined", {"limit": 0.4, "fastloop_http": cost})) == [expected]


def test_echo_must_be_near_the_limit_and_below_uvloop(make_run: MakeRun) -> None:
    assert cleared(make_run("echo", {"limit": 5.0, "uvloop": 6.0, "fastloop": 5.25})) == [True, True]
    assert cleared(make_run("echo", {"limit": 5.0, "uvloop": 5.3, "fastloop": 5.35})) == [False, False]


def test_figure_with_errors_clears_nothing(make_run: MakeRun) -> None:
    costs = {"limit": 5.0, "uvloop": 6.0, "fastloop": 5.1}
    assert cleared(make_run("echo", costs, {"fastloop": ["round 1: Non-2xx"]})) == [False, False]
    assert cleared(make_run("echo", costs, {"uvloop": ["round 1: closed"]})) == [True, False]
    assert cleared(make_run("echo", costs, {"limit": ["round 1: closed"]})) == [False, False]


def test_server_that_was_not_measured_clears_nothing(make_run: MakeRun) -> None:
    verdicts = claims.judge(make_run("echo", {"limit": 5.0, "uvloop": 6.0}))
    assert [verdict.cleared for verdict in verdicts] == [False, False]
    assert "fastloop" in verdicts[0].figure


def test_run_without_a_barred_case_clears_nothing(make_run: MakeRun) -> None:
    assert cleared(make_run("echo16k", {"limit": 5.0, "fastloop": 5.0})) == [False]


@pytest.mark.parametrize(("cost", "status"), [(5.2, 0), (5.4, 1)])
def test_check_exits_by_the_verdicts(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], cost: float, status: int
) -> None:
    path = tmp_path / "run.json"
    figures.write(make_run("echo", {"limit": 5.0, "uvloop": 6.0, "fastloop": cost}), path)
    assert main(["--from", str(path), "--check"]) == status
    assert ("MISSED" in capsys.readouterr().out) == bool(status)
