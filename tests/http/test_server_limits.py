"""max_connections: who has to wait, and that nobody is refused; what is kept for who does not read."""

import contextlib
import resource
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from served import PATIENCE, Peer, Site, eventually, free_port, program, request

from fastloop_http import Router, get
from fastloop_http._listen import default_max_connections

APP = Router().route("/", get(lambda: "root"))


def test_connections_beyond_the_limit_wait_for_one_to_end(make_site: Callable[..., Site]) -> None:
    site = make_site(APP, max_connections=2)
    first, second = (site.peer().send(request()) for _ in range(2))
    assert first.answer().body == second.answer().body == b"root"
    third, fourth = (site.peer().send(request()) for _ in range(2))
    assert third.silent()
    assert fourth.silent()
    assert site.connections() == 2
    first.close()
    assert third.answer().body == b"root"
    assert fourth.silent()
    # Who has a connection keeps it.
    assert second.send(request()).answer().body == b"root"
    second.send(request(fields="Connection: close\r\n")).answer()
    assert fourth.answer().body == b"root"


def test_limit_of_one_serves_all_in_turn(make_site: Callable[..., Site]) -> None:
    site = make_site(APP, max_connections=1)
    peers = [site.peer().send(request(fields="Connection: close\r\n")) for _ in range(50)]
    for peer in peers:
        assert peer.answer().body == b"root"
        assert peer.rest() == b""


def test_limit_counts_all_addresses_together(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    code = """
        import sys
        from fastloop_http import Router, get, serve
        serve(Router().route("/", get(lambda: "root")), *sys.argv[1:], max_connections=2)
    """
    addresses = [f"127.0.0.1:{port}" for port in ports]
    with program("-c", textwrap.dedent(code), *addresses, ports=ports), \
            Peer(ports[0]) as one, Peer(ports[1]) as two:
        one.send(request()).answer()
        two.send(request()).answer()
        with Peer(ports[0]) as three, Peer(ports[1]) as four:
            assert three.send(request()).silent()
            assert four.send(request()).silent()
            one.close()
            two.close()
            assert three.answer().body == four.answer().body == b"root"


# A shell's limit of 64 descriptors: less an eighth, and what is open.
SHORT = """
    import resource, sys
    from fastloop_http import Router, get, serve
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    with open("/dev/null") as file:
        serve(Router().route("/", get(lambda: open("/dev/null").read() or "read")), sys.argv[1])
"""


def test_many_clients_leave_descriptors_for_handlers() -> None:
    port = free_port()
    with program("-W", "ignore", "-c", textwrap.dedent(SHORT), f"127.0.0.1:{port}", ports=(port,)) as process:
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(Peer(port)) for _ in range(150)]
            for peer in peers:
                peer.send(request(fields="Connection: close\r\n"))
            for peer in peers:
                assert peer.answer().body == b"read"
                peer.close()
        process.terminate()
        # EMFILE would have been logged.
        assert process.communicate(timeout=PATIENCE) == (b"", b"")
    assert process.returncode == 0


def test_waiting_clients_of_a_full_server_are_served_as_it_ends() -> None:
    port = free_port()
    code = """
        import sys
        from fastloop_http import Router, get, serve
        serve(Router().route("/", get(lambda: "root")), sys.argv[1], max_connections=3)
    """
    with program("-c", textwrap.dedent(code), f"127.0.0.1:{port}", ports=(port,)) as process:
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(Peer(port)) for _ in range(3)]
            for peer in peers:
                peer.send(request()).answer()
            waiting = [stack.enter_context(Peer(port)).send(request()) for _ in range(20)]
            process.terminate()
            for peer in waiting:
                answer = peer.answer()
                assert (answer.body, answer.headers["connection"]) == (b"root", "close")
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


@pytest.mark.parametrize("soft", [16, 256, 1024, 20000])
def test_limit_by_default_leaves_an_eighth_and_what_is_open(soft: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    code = f"""
        import os, resource
        resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
        from fastloop_http._listen import default_max_connections
        opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(3)]
        print({soft} - default_max_connections() - len(os.listdir("/proc/self/fd")))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, check=True, text=True
    )
    assert int(done.stdout) == soft // 8


def test_limit_by_default_is_one_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (3, 3))
    assert default_max_connections() == 1


def test_without_a_limit_of_descriptors_there_is_none_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY,) * 2)
    assert default_max_connections() == sys.maxsize


def test_little_is_kept_for_a_client_that_does_not_read(make_site: Callable[..., Site]) -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        while taken < 64 << 20:
            taken += 16 << 10
            yield bytes(16 << 10)

    site = make_site(Router().route("/", get(lambda: pieces())))
    site.peer(receive_buffer=4096).send(request())
    assert eventually(lambda: taken)
    while (before := taken) < 64 << 20:
        time.sleep(0.1)
        if taken == before:
            break
    # By the transport, the kernel and the client's socket.
    assert taken < 512 << 10
