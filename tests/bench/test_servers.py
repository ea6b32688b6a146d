"""CPU accounting of a process tree, and its end."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.e2e.addresses import Address
from bench.e2e.servers import Server, cpu_ns_between, cpu_times, process_tree, rss_mb

BUSY = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come about within 10 s"
        time.sleep(0.02)


def runs(pid: int) -> bool:
    try:
        # What nobody has reaped yet has ended all the same.
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str], Server]:
    def start_script(script: str) -> Server:
        address = Address("tcp", 0, tmp_path)
        server = Server([sys.executable, "-c", script], address, tmp_path / "server.log")
        server.start()
        return server

    return start_script


def test_busy_grandchild_is_accounted_and_ended(start: Callable[[str], Server], tmp_path: Path) -> None:
    burnt = tmp_path / "burnt"
    child = f"import sys\n{BUSY}open({str(burnt)!r}, 'w').close()\ntime.sleep(60)\n"
    # start_new_session: it leaves the group that `stop` kills as a whole.
    parent = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}], start_new_session=True)\n"
    )
    server = start(parent)
    try:
        before = cpu_times(server.pid)
        wait_for(burnt.exists)
        time.sleep(0.05)
        used_ms = cpu_ns_between(before, cpu_times(server.pid)) / 1e6
        tree = process_tree(server.pid)
        # 200 ms were burnt; two interpreters started as well.
        assert 195 <= used_ms <= 2000
        assert len(tree) == 2
        assert rss_mb(server.pid) > 5
    finally:
        server.stop()
    wait_for(lambda: not any(runs(pid) for pid in tree))


def test_thread_that_ended_in_between_takes_nothing_from_the_others() -> None:
    before = {(1, 1): 1000, (1, 2): 9000}
    assert cpu_ns_between(before, {(1, 1): 1500, (1, 3): 70}) == 570


def test_server_that_ends_says_why_in_its_own_words(start: Callable[[str], Server]) -> None:
    server = start("raise RuntimeError('no such loop')")
    try:
        wait_for(server.failure)
        assert server.wait_until_up() == "RuntimeError: no such loop"
    finally:
        server.stop()
