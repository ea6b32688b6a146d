"""A bar is cleared by a valid figure within it, and by nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench import verdicts
from bench.e2e import claims, figures
from bench.e2e.__main__ import main
from bench.e2e.cases import CASES
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


def missing(run: Run, *names: str) -> Run:
    """Have the run's one case miss these peers."""
    return replace(run, cases=[replace(run.cases[0], missing=dict.fromkeys(names, "not installed"))])


@pytest.mark.parametrize(("cost", "expected"), [(0.99, True), (1.01, False)])
def test_pipelined_bar_is_the_cost_itself(make_run: MakeRun, cost: float, expected: bool) -> None:
    assert cleared(make_run("pipelined", {"limit": 0.4, "fastloop_http": cost})) == [expected]


ECHO = {"limit": 5.0, "uvloop": 6.0, "fastloop": 5.2, "fastloop-compiled": 5.05}


def test_echo_must_be_near_the_limit_and_below_uvloop(make_run: MakeRun) -> None:
    assert cleared(make_run("echo", ECHO)) == [True, True, True]
    assert cleared(make_run("echo", {**ECHO, "fastloop": 5.3, "uvloop": 5.3})) == [False, False, True]
    assert cleared(make_run("echo", {**ECHO, "fastloop-compiled": 5.15})) == [True, True, False]


def test_echo_must_be_below_zuvloop_where_there_is_one(make_run: MakeRun) -> None:
    assert cleared(make_run("echo", {**ECHO, "zuvloop": 5.3})) == [True, True, True, True]
    assert cleared(make_run("echo", {**ECHO, "zuvloop": 5.1})) == [True, True, False, True]


@pytest.mark.parametrize(
    ("case", "costs", "expected"),
    [
        ("post1k", {"limit": 5.0, "axum": 6.0, "fastloop_http": 6.0}, True),
        ("post1k", {"limit": 5.0, "axum": 6.0, "fastloop_http": 6.1}, False),
        ("upload", {"limit": 5.0, "axum": 10.0, "fastloop_http": 10.9}, True),
        ("upload", {"limit": 5.0, "axum": 10.0, "fastloop_http": 11.1}, False),
        ("download", {"limit": 5.0, "axum": 10.0, "fastloop_http": 10.9}, True),
        ("download", {"limit": 5.0, "axum": 10.0, "fastloop_http": 11.1}, False),
        ("echo16k", {"limit": 10.0, "fastloop": 10.5}, True),
        ("echo16k", {"limit": 10.0, "fastloop": 10.6}, False),
        ("echo100k", {"limit": 20.0, "uvloop": 50.0, "fastloop": 40.0}, True),
        ("echo100k", {"limit": 20.0, "uvloop": 50.0, "fastloop": 40.5}, False),
        ("streams", {"limit": 5.0, "uvloop": 20.0, "fastloop": 16.0}, True),
        ("streams", {"limit": 5.0, "uvloop": 20.0, "fastloop": 16.2}, False),
        ("sock", {"limit": 5.0, "uvloop": 20.0, "fastloop": 10.0}, True),
        ("sock", {"limit": 5.0, "uvloop": 20.0, "fastloop": 10.2}, False),
        ("udp", {"limit": 5.0, "uvloop": 13.0, "fastloop": 9.9}, True),
        ("udp", {"limit": 5.0, "uvloop": 13.0, "fastloop": 10.1}, False),
        ("tls", {"limit": 5.0, "uvloop": 13.0, "fastloop": 9.9}, True),
        ("tls", {"limit": 5.0, "uvloop": 13.0, "fastloop": 10.1}, False),
        ("echo_idle4000", {"limit": 5.0, "fastloop": 5.2, "fastloop-idle": 6.2}, True),
        ("echo_idle4000", {"limit": 5.0, "fastloop": 5.2, "fastloop-idle": 6.3}, False),
    ],
)
def test_bar_of_one_figure(
    make_run: MakeRun, case: str, costs: dict[str, float], expected: bool
) -> None:
    assert cleared(make_run(case, costs)) == [expected]


FRAMEWORK_US = {"blacksheep": 50.0, "starlette": 60.0, "litestar": 70.0, "fastapi": 90.0}
WITHIN = {"limit": 5.0, "axum": 7.0, **FRAMEWORK_US}


@pytest.mark.parametrize(
    ("case", "layer_us"),
    [("handler", 0.1), ("handler_path", 0.3), ("handler_query", 1.0), ("handler_json", 1.0)],
)
def test_handlers_are_judged_by_what_they_cost_above_the_bare_server(
    make_run: MakeRun, case: str, layer_us: float
) -> None:
    within = {**WITHIN, "fastloop_http-raw": 6.0, "fastloop_http": 6.0 + layer_us - 0.01}
    assert cleared(make_run(case, within)) == [True] * 6
    above = {**within, "fastloop_http": 6.0 + layer_us + 0.01}
    verdict, *others = claims.judge(make_run(case, above))
    assert verdict.claim == f"{case}: fastloop_http costs at most {layer_us:g} us above fastloop_http-raw"
    assert verdict.figure.startswith(f"{layer_us + 0.01:.2f} us, ")
    assert not verdict.cleared
    assert all(other.cleared for other in others)


@pytest.mark.parametrize(
    ("server", "cost", "bar"),
    [
        ("axum", 4.9, 1),
        ("blacksheep", 29.9, 2),
        ("starlette", 29.9, 3),
        ("litestar", 29.9, 4),
        ("fastapi", 29.9, 5),
    ],
)
def test_handlers_must_be_near_axum_and_far_below_every_framework(
    make_run: MakeRun, server: str, cost: float, bar: int
) -> None:
    costs = {**WITHIN, "fastloop_http-raw": 6.0, "fastloop_http": 6.0, server: cost}
    assert cleared(make_run("handler", costs)) == [number != bar for number in range(6)]


def test_servers_are_compared_within_a_round_not_across_rounds(make_run: MakeRun) -> None:
    # The machine became twice as slow in round 2, where fastloop alone has another burst.
    run = make_run("streams", {"limit": 5.0, "uvloop": 10.0, "fastloop": 7.5})
    for server in run.cases[0].servers:
        slow = replace(server.bursts[0], round=2, cpu_us=2 * server.bursts[0].cpu_us)
        server.bursts.append(slow if server.name != "uvloop" else replace(slow, requests=0))
    assert claims.judge(run)[0].figure == "0.750x uvloop (0.75-0.75)"


def test_figure_with_errors_clears_nothing(make_run: MakeRun) -> None:
    assert cleared(make_run("echo", ECHO, {"fastloop": ["round 1: Non-2xx"]})) == [False, False, True]
    assert cleared(make_run("echo", ECHO, {"uvloop": ["round 1: closed"]})) == [True, False, True]
    assert cleared(make_run("echo", ECHO, {"limit": ["round 1: closed"]})) == [False, True, False]


def test_server_that_could_not_be_measured_clears_nothing(make_run: MakeRun) -> None:
    (verdict,) = claims.judge(missing(make_run("streams", {"limit": 5.0, "uvloop": 6.0}), "fastloop"))
    assert not verdict.cleared
    assert "fastloop" in verdict.figure


def test_bar_about_a_server_that_was_not_asked_is_not_judged(make_run: MakeRun) -> None:
    assert cleared(make_run("echo", {"limit": 5.0, "fastloop": 5.2})) == [True]
    assert cleared(make_run("echo", {"limit": 5.0, "uvloop": 6.0})) == []


def test_zuvloop_that_is_missing_sets_no_bar(make_run: MakeRun) -> None:
    assert cleared(missing(make_run("echo", ECHO), "zuvloop")) == [True, True, True]


def test_invalid_zuvloop_is_no_reason_to_drop_its_bar(make_run: MakeRun) -> None:
    run = make_run("echo", {**ECHO, "zuvloop": 5.3}, {"zuvloop": ["round 1: closed"]})
    assert cleared(run) == [True, True, False, True]


def test_run_that_no_bar_is_about_is_not_cleared(make_run: MakeRun) -> None:
    assert not verdicts.show(claims.judge(make_run("echo1", {"limit": 5.0, "fastloop": 5.0})))


@pytest.mark.parametrize("bar", claims.BARS, ids=lambda bar: bar.claim)
def test_bar_is_about_servers_that_its_case_asks(bar: claims.Bar) -> None:
    assert {bar.server, bar.against} <= set(CASES[bar.case].peers)


@pytest.mark.parametrize(("cost", "status"), [(5.2, 0), (5.4, 1)])
def test_check_exits_by_the_verdicts(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], cost: float, status: int
) -> None:
    path = tmp_path / "run.json"
    figures.write(make_run("echo", {**ECHO, "fastloop": cost}), path)
    assert main(["--from", str(path), "--check"]) == status
    assert ("MISSED" in capsys.readouterr().out) == bool(status)
