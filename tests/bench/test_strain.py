"""The strain bench: its cases on a server that is as it should be, and what its bars make of another."""

import os
import random
import socket
import threading
from pathlib import Path

import pytest

from bench.strain import claims, figures, leak, report, slow
from bench.strain.__main__ import main
from bench.strain.cases import CASES
from bench.strain.clients import Plan, answer_size, exchange, request
from bench.strain.figures import Outcome, Row, Run

CORE = min(os.sched_getaffinity(0))
PLAN = Plan(0.005, 0.5, CORE, CORE, random.Random(1))

# The figures at their bars.
BEST = {
    name: Outcome({bar.figure: bar.most for bar in bars}) for name, bars in claims.BARS.items()
}


def make_run(*rows: Row) -> Run:
    return Run("python -m bench.strain", 1, 1, 1.0, {"cpu": "some CPU"}, list(rows))


def make_row(name: str, *rounds: Outcome) -> Row:
    return Row(name, CASES[name].title, list(rounds))


@pytest.mark.parametrize("name", CASES)
def test_case_has_every_figure_that_a_bar_is_about_and_no_fault(name: str) -> None:
    outcome = CASES[name].run(PLAN)
    assert outcome.faults == []
    # Delays depend on what else the machine does.
    timed = {"p99_ms", "late", "bytes_each", "grown_kib"}
    for bar in claims.BARS[name]:
        assert bar.figure in outcome.figures
        assert bar.figure in timed or outcome.figures[bar.figure] <= bar.most


def test_every_manner_of_being_slow_is_ended() -> None:
    outcome = slow.run(PLAN)
    ends = {name for name in outcome.figures if ": " in name}
    assert ends == {"header: 408", "body: 408", "read: reset", "silent: 408"}


class Deaf:
    """A server that answers the first requests of a connection as if there were no more, and closes."""

    def __init__(self, answer: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._answer = answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(self._answer)


ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [(b"", "closed by the server"), (ANSWER[:-1] + b"!" * 9, "answered b'HTTP/1.1 200 OK")],
)
def test_request_that_is_not_answered_is_lost(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, fault: str
) -> None:
    monkeypatch.setattr(leak, "MANNERS", {"plain": leak.MANNERS["plain"]})
    tally = leak.Tally()
    leak.Load(Deaf(answer).port, {"plain": len(ANSWER)}, 10, random.Random(1), tally).run()
    assert tally.answered == 0
    assert tally.lost == tally.sent
    assert all(name.startswith(f"plain: {fault}") for name in tally.faults)


def test_exchange_takes_one_answer_by_its_length() -> None:
    with socket.create_connection(("127.0.0.1", Deaf(ANSWER).port)) as connection:
        assert exchange(connection, request("/")) == ANSWER


@pytest.mark.parametrize("size", range(len(ANSWER) + 1))
def test_answer_is_complete_with_its_last_byte_only(size: int) -> None:
    assert (answer_size(ANSWER[:size]) <= size) == (size == len(ANSWER))


@pytest.mark.parametrize("name", CASES)
def test_figures_at_their_bars_clear_them(name: str) -> None:
    assert all(verdict.cleared for verdict in claims.judge(make_run(make_row(name, BEST[name]))))


@pytest.mark.parametrize(
    ("name", "figure"), [(name, bar.figure) for name, bars in claims.BARS.items() for bar in bars]
)
def test_figure_above_its_bar_in_any_round_misses_it(name: str, figure: str) -> None:
    worse = Outcome({**BEST[name].figures, figure: BEST[name].figures[figure] + 1})
    verdicts = claims.judge(make_run(make_row(name, worse, BEST[name])))
    assert sum(not verdict.cleared for verdict in verdicts) == 1


def test_fault_and_missing_figures_clear_nothing() -> None:
    verdicts = claims.judge(make_run(make_row("idle", Outcome(faults=["OSError: no descriptors left"]))))
    assert not any(verdict.cleared for verdict in verdicts)
    assert verdicts[0].figure == "OSError: no descriptors left"


def test_run_survives_its_json(tmp_path: Path) -> None:
    run = make_run(make_row("idle", BEST["idle"], Outcome(faults=["closed"])), make_row("leak", BEST["leak"]))
    figures.write(run, tmp_path / "run.json")
    assert figures.read(tmp_path / "run.json") == run


def test_table_and_markdown_say_what_was_seen() -> None:
    row = make_row("idle", Outcome({"bytes_each": 817.2}), Outcome(faults=["closed"]))
    lines = report.row_table(row).splitlines()
    assert lines[1].split() == ["bytes_each", "817"]
    assert lines[2] == "  !! closed"
    assert "| idle | bytes_each | 817 /  |" in report.to_markdown(make_run(row))


@pytest.mark.parametrize(("part", "expected"), [(0.01, 1.0), (0.5, 5.0), (0.99, 10.0), (1.0, 10.0)])
def test_percentile_is_a_sample_that_was_seen(part: float, expected: float) -> None:
    assert figures.percentile([float(each) for each in range(10, 0, -1)], part) == expected


@pytest.mark.parametrize(("more", "status"), [(0, 0), (1, 1)])
def test_check_exits_by_the_verdicts(tmp_path: Path, more: int, status: int) -> None:
    path = tmp_path / "run.json"
    outcome = Outcome({name: value + more for name, value in BEST["sigterm"].figures.items()})
    figures.write(make_run(make_row("sigterm", outcome)), path)
    assert main(["--from", str(path), "--check"]) == status


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no_such_thing"], "'no_such_thing'; there are"),
        (["--scale", "0"], "--scale must be above 0"),
        (["--scale", "2"], "--scale must be above 0"),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["--cores", "0,0"], "two different cores"),
    ],
)
def test_nonsense_is_refused(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert complaint in capsys.readouterr().err


def test_list_names_the_cases(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(CASES)
