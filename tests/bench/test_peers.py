"""The peers: every one that a case names exists, and what this project writes of them answers rightly."""

import importlib.util
import itertools
import sys
from pathlib import Path

import pytest

from bench import loops
from bench.e2e.addresses import Address, free_ports
from bench.e2e.answers import check
from bench.e2e.build import Missing
from bench.e2e.cases import BASE, CASES, FRAMEWORKS, RAW, Case
from bench.e2e.peers import PEERS
from bench.e2e.servers import Server

# Those that differ in what the server has to be: sizes and numbers of connections do not.
HANDLERS = ["handler", "handler_path", "handler_query", "handler_json"]
ECHOES = ["echo", "buffered16k", "streams", "sock", "unix", "udp", "tls"]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_case_names_peers_that_exist_and_the_base(case: Case) -> None:
    assert BASE in case.peers
    assert set(case.peers) <= set(PEERS)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_idle_peers_are_in_the_cases_with_idle_connections_alone(case: Case) -> None:
    assert any(PEERS[name].idle for name in case.peers) == bool(case.idle)


@pytest.mark.parametrize(
    ("name", "peer"),
    [("echo", "fastloop-compiled"), *itertools.product(ECHOES, ("limit", "fastloop", "asyncio"))],
)
def test_echo_answers_rightly(name: str, peer: str, tmp_path: Path) -> None:
    case = CASES[name]
    address = Address(case.transport, free_ports(1)[0], tmp_path)
    try:
        command = PEERS[peer].command(case, address)
    except Missing as reason:
        pytest.skip(f"no {peer}: {reason}")
    server = Server(command, address, tmp_path / "server.log")
    server.start()
    try:
        assert server.wait_until_up() is None
        check(case, address)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        *itertools.product(["json", "post1k", "upload", "download"], ["limit", "fastloop_http"]),
        *itertools.product(HANDLERS, ["limit", "fastloop_http", RAW]),
    ],
)
def test_http_is_answered_rightly(name: str, peer: str, tmp_path: Path) -> None:
    case = CASES[name]
    address = Address("tcp", free_ports(1)[0], tmp_path)
    server = Server(PEERS[peer].command(case, address), address, tmp_path / "server.log")
    server.start()
    try:
        assert server.wait_until_up() is None
        check(case, address)
    finally:
        server.stop()


@pytest.mark.parametrize("peer", FRAMEWORKS)
def test_framework_answers_every_handler_case_rightly(peer: str, tmp_path: Path) -> None:
    for needed in (peer, "uvicorn", "uvloop", "httptools"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{peer} is measured with {needed}, which is not installed")
    address = Address("tcp", free_ports(1)[0], tmp_path)
    server = Server(PEERS[peer].command(CASES[HANDLERS[0]], address), address, tmp_path / "server.log")
    server.start()
    try:
        assert server.wait_until_up() is None
        for name in HANDLERS:
            check(CASES[name], address)
    finally:
        server.stop()


def test_loop_that_is_not_installed_is_missing_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(loops.LOOPS, "uvloop", ("no_such_module", "Loop"))
    with pytest.raises(Missing, match="uvloop is not installed"):
        PEERS["uvloop"].command(CASES["echo"], Address("tcp", 8000, tmp_path))


def test_loop_for_newer_pythons_is_missing_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    assert loops.lacking("zuvloop") == "zuvloop needs Python 3.14 or newer; this is 3.13"
    assert loops.lacking("asyncio") is None
