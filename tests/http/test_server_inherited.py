"""Inherited sockets: fd:N and systemd's socket activation."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import PATIENCE, ROOT, Peer, eventually, free_port, listening, request

import fastloop
from fastloop_http import Router, Server, get

APP = Router().route("/", get(lambda: "root"))


def test_inherited_tcp_socket_is_served_and_closed() -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    name, descriptor = sock.getsockname(), sock.detach()

    async def main() -> tuple[str, ...]:
        async with Server(APP).listening(f"fd:{descriptor}") as server:
            assert not os.get_inheritable(descriptor)
            assert not os.get_blocking(descriptor)
        return server.addresses

    assert fastloop.run(main()) == (f"127.0.0.1:{name[1]}",)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_inherited_socket_file_is_not_removed(tmp_path: Path) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(tmp_path / "app"))
    sock.listen()

    async def main() -> tuple[str, ...]:
        async with Server(APP).listening(f"fd:{sock.detach()}") as server:
            return server.addresses

    assert fastloop.run(main()) == (f"unix:{tmp_path}/app",)
    assert os.listdir(tmp_path) == ["app"]


def datagram() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (socket.socket, "is no listening stream socket; pass one that listen"),
        (datagram, "is no listening stream socket"),
        (lambda: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET), "is no listening stream socket"),
        (lambda: os.fdopen(os.open("/dev/null", os.O_RDONLY)), "is no socket; pass a listening socket"),
    ],
)
def test_descriptor_of_anything_else_is_refused_and_left_open(make, why: str) -> None:
    with make() as thing:
        number = thing.fileno()
        with pytest.raises(ValueError, match=rf"address 'fd:{number}': descriptor {number} {why}"):
            fastloop.run(Server(APP).serve(f"fd:{number}"))
        os.fstat(number)


def test_descriptor_named_twice_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        text = f"fd:{sock.fileno()}"
        with pytest.raises(ValueError, match=f"is meant by '{text}' too; name it once"):
            fastloop.run(Server(APP).serve(text, text))
        os.fstat(sock.fileno())


@pytest.mark.parametrize(
    ("environment", "text", "why"),
    [
        ({}, "systemd:", "no sockets were passed, LISTEN_FDS is ''; start the program by a .socket unit"),
        ({"LISTEN_FDS": "0"}, "systemd:", "no sockets were passed, LISTEN_FDS is '0'"),
        ({"LISTEN_FDS": "some"}, "systemd:", "no sockets were passed, LISTEN_FDS is 'some'"),
        ({"LISTEN_FDS": "1"}, "systemd:", "the sockets were passed to process ''"),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "1"}, "systemd:", "the sockets were passed to process '1' (L"),
        (
            {"LISTEN_FDS": "2", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "web:admin"},
            "systemd:api",
            "no socket of that name was passed, only ['web', 'admin']; set FileDescriptorName=",
        ),
    ],
)
def test_activation_that_passed_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], text: str, why: str
) -> None:
    for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=re.escape(f"address '{text}': {why}")):
        fastloop.run(Server(APP).serve(text))


PROGRAM = """
import sys
from fastloop_http import Router, get, serve
serve(Router().route("/", get(lambda: "root")), *sys.argv[1:])
"""


@contextlib.contextmanager
def activated(ports: list[int], names: str, *addresses: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server on addresses under systemd-socket-activate, which listens on ports."""
    activate = shutil.which("systemd-socket-activate")
    if activate is None:
        pytest.skip("no systemd-socket-activate here")
    arguments = [f"--listen=127.0.0.1:{port}" for port in ports]
    # It passes on nothing that is not named; a build with a sanitizer needs these.
    passed = [f"--setenv={name}" for name in ("LD_PRELOAD", "ASAN_OPTIONS") if name in os.environ]
    with subprocess.Popen(
        [activate, *arguments, *passed, f"--fdname={names}", "-E", f"PYTHONPATH={ROOT}",
         sys.executable, "-c", PROGRAM, *addresses],
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert eventually(lambda: process.poll() is not None or all(map(listening, ports)))
            yield process
            process.terminate()
            process.communicate(timeout=PATIENCE)
        finally:
            process.kill()


def test_sockets_of_systemd_are_served() -> None:
    ports = [free_port(), free_port()]
    with activated(ports, "web:admin", "systemd:") as process:
        for port in ports:
            with Peer(port) as peer:
                assert peer.send(request()).answer().body == b"root"
    assert process.returncode == 0


def test_socket_of_systemd_is_picked_by_its_name() -> None:
    web, admin = free_port(), free_port()
    with activated([web, admin], "web:admin", "systemd:admin") as process, \
            Peer(web) as unserved, Peer(admin) as peer:
        assert peer.send(request()).answer().body == b"root"
        assert unserved.send(request()).silent()
    assert process.returncode == 0
