"""Command lines of the benches: what is refused, before anything is measured."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.e2e import figures
from bench.e2e.__main__ import main as e2e
from bench.e2e.figures import Run
from bench.latency.__main__ import main as latency
from bench.micro.__main__ import main as micro

MakeRun = Callable[..., Run]

MAINS = {"e2e": e2e, "micro": micro, "latency": latency}


@pytest.mark.parametrize("main", MAINS.values(), ids=MAINS)
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no_such_thing"], "'no_such_thing'; there are"),
        (["--only", "nobody"], "'nobody'; there are"),
        (["--rounds", "0"], "--rounds must be at least 1"),
    ],
)
def test_nonsense_is_refused(
    main: Callable[[list[str]], int], arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("main", [e2e, latency])
@pytest.mark.parametrize("cores", ["0", "0,0", "0,100000", "one,two"])
def test_cores_must_be_two_that_are_there(main: Callable[[list[str]], int], cores: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--cores", cores])


@pytest.mark.parametrize("main", MAINS.values(), ids=MAINS)
def test_document_without_a_place_is_refused_before_measuring(
    main: Callable[[list[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "README.md"
    path.write_text("# No marks\n")
    with pytest.raises(SystemExit, match="2"):
        main(["--markdown", str(path)])
    assert "has no place for these results" in capsys.readouterr().err


def test_tables_go_where_the_command_line_says(make_run: MakeRun, tmp_path: Path) -> None:
    recorded, path = tmp_path / "run.json", tmp_path / "README.md"
    figures.write(make_run("plaintext", {"limit": 5.0, "axum": 6.0}), recorded)
    path.write_text("<!-- bench.e2e -->\nold\n<!-- /bench.e2e -->\n<!-- x -->\n<!-- /x -->\n")
    assert e2e(["--from", str(recorded), "--markdown", str(path), "--mark", "x"]) == 0
    kept, placed = path.read_text().split("<!-- x -->")
    assert kept == "<!-- bench.e2e -->\nold\n<!-- /bench.e2e -->\n"
    assert "axum" in placed


@pytest.mark.parametrize("main", MAINS.values(), ids=MAINS)
def test_list_names_what_there_is(
    main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 5
