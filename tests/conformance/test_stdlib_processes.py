"""The processes that run the interpreter's tests: apart from each other, in files and in the network."""

import os
import socket
import time
import unittest
from pathlib import Path

import network
import pytest
import stdlib_processes


class Probe(unittest.TestCase):
    """What is run in such a process."""

    __test__ = False

    def test_network(self):
        assert os.readlink("/proc/self/ns/net") != os.environ["PROBE_NETWORK"]
        for host, family in ("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6):
            # Taken by whoever else runs this now, were it one network.
            with socket.create_server((host, 54321), family=family) as listener:
                socket.create_connection(listener.getsockname()[:2]).close()
                time.sleep(0.05)

    def test_alone(self):
        taken = Path(os.environ["PROBE_FILE"])
        taken.touch(exist_ok=False)
        time.sleep(0.05)
        taken.unlink()

    def test_end(self):
        print("last words", flush=True)
        os._exit(3)


def problems(test, count, *arguments):
    """Run a test of Probe count times; return what went wrong with each."""
    case = (__name__, "Probe", test)
    outcomes = stdlib_processes.Outcomes([case] * count, *arguments)
    try:
        return [outcomes.wait(case)[0] for _ in range(count)]
    finally:
        outcomes.close()


@pytest.mark.skipif(not network.can_make(), reason="the system permits no network namespaces")
def test_tests_have_the_network_to_themselves(monkeypatch):
    monkeypatch.setenv("PROBE_NETWORK", os.readlink("/proc/self/ns/net"))
    assert problems("test_network", 4) == [""] * 4


def test_without_networks_of_their_own_tests_run_one_at_a_time(monkeypatch, tmp_path):
    monkeypatch.setenv("PROBE_FILE", str(tmp_path / "taken"))
    code = "import network, stdlib_processes; network.can_make = lambda: False; stdlib_processes.serve()"
    assert problems("test_alone", 6, ["-c", code]) == [""] * 6


def test_a_test_that_ends_its_process_has_failed():
    (problem,) = problems("test_end", 1)
    assert problem == "ended without an outcome: status 3\nlast words\n"
