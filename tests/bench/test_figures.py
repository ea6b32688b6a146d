"""The figures of a run against numbers worked out by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.e2e import figures
from bench.e2e.figures import Burst, CaseResult, Run, ServerResult, compare


def bursts(*cpu_us: float, rps: float = 1000.0) -> list[Burst]:
    return [Burst(number, 0, 100, rps, each) for number, each in enumerate(cpu_us, start=1)]


def test_ratio_and_tax_compare_within_a_round_not_across_rounds() -> None:
    # The machine became twice as slow in round 2; both servers felt it alike.
    found = compare(bursts(6.0, 12.0, 6.6), bursts(5.0, 10.0, 5.0))
    assert found is not None
    assert found.cpu_us == 6.6
    assert found.ratio == pytest.approx(1.2)
    assert found.ratio_min == pytest.approx(1.2)
    assert found.ratio_max == pytest.approx(1.32)
    assert found.tax_us == pytest.approx(1.6)
    assert found.rps == 1000.0


def test_base_compared_with_itself_is_the_unit() -> None:
    found = compare(bursts(5.0, 7.0), bursts(5.0, 7.0))
    assert found is not None
    assert (found.ratio, found.ratio_min, found.ratio_max, found.tax_us) == (1.0, 1.0, 1.0, 0.0)


def test_round_without_a_figure_of_either_server_counts_for_neither() -> None:
    failed = replace(bursts(0.0)[0], requests=0, error="connection refused")
    ours = [failed, *bursts(5.0, 12.0, 6.0)[1:]]
    found = compare(ours, bursts(5.0, 10.0))
    assert found is not None
    assert found.cpu_us == 12.0
    assert found.ratio == pytest.approx(1.2)


def test_server_without_any_paired_round_has_no_figures() -> None:
    assert compare(bursts(5.0), []) is None


def test_run_survives_its_json(tmp_path: Path) -> None:
    base = bursts(5.0, 10.0)
    servers = [
        ServerResult("limit", compare(base, base), 1.5, [], base),
        ServerResult("axum", None, 4.0, ["round 1: it broke"], []),
    ]
    case = CaseResult(
        "plaintext", "HTTP plaintext", {"connections": 64}, servers, {"uvicorn": "not installed"}
    )
    run = Run("python -m bench.e2e", 7, 2, 1.0, {"cpu": "some"}, [case])
    path = tmp_path / "results" / "run.json"
    figures.write(run, path)
    assert figures.read(path) == run
    assert [each.name for each in path.parent.iterdir()] == ["run.json"]


def test_recorded_run_of_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text('{"schema": 0}')
    with pytest.raises(ValueError, match="schema 0"):
        figures.read(path)
