"""Addresses: what they mean, what is refused, and what a server listens on."""

import asyncio
import os
import re
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from served import PATIENCE, Peer, free_port, request

import fastloop
from fastloop_http import Router, Server, get
from fastloop_http import _listen as listen
from fastloop_http._addresses import (
    DescriptorAddress,
    HostAddress,
    SystemdAddress,
    UnixAddress,
    parse_address,
)

APP = Router().route("/", get(lambda: "root"))


def have_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not have_ipv6(), reason="no IPv6 here")

# Meaning.


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:3000", "127.0.0.1", 3000),
        ("localhost:0", "localhost", 0),
        ("0.0.0.0:65535", "0.0.0.0", 65535),
        ("[::1]:3000", "::1", 3000),
        ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
        ("a-host.example:00080", "a-host.example", 80),
        (":3000", None, 3000),
        ("*:3000", None, 3000),
        ("Unix:3000", "Unix", 3000),
    ],
)
def test_host_and_port(text: str, host: str | None, port: int) -> None:
    assert parse_address(text) == HostAddress(text, host, port)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("unix:/run/app.sock", UnixAddress("unix:/run/app.sock", "/run/app.sock")),
        ("unix:app.sock", UnixAddress("unix:app.sock", "app.sock")),
        ("unix:3000", UnixAddress("unix:3000", "3000")),
        ("unix:a:b", UnixAddress("unix:a:b", "a:b")),
        ("unix:" + "a" * 107, UnixAddress("unix:" + "a" * 107, "a" * 107)),
        ("fd:0", DescriptorAddress("fd:0", 0)),
        ("fd:12", DescriptorAddress("fd:12", 12)),
        ("systemd:", SystemdAddress("systemd:", None)),
        ("systemd:web", SystemdAddress("systemd:web", "web")),
    ],
)
def test_other_kinds_of_address(text: str, meaning: object) -> None:
    assert parse_address(text) == meaning


@pytest.mark.parametrize(
    "text",
    ["", ":", "*", "*:", "3000", "localhost", "localhost:", "localhost:http", "localhost:-1", "localhost:+1",
     ":65536", "localhost:65536", "localhost: 1", "localhost:1_0", "localhost:\u0661", "::1:3000", "[::1]",
     "[]:3000", "[::1]3000", "http://localhost:3000", "/run/app:1"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=rf"address '{re.escape(text)}' is not host:port; write"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("unix:", "names no socket file; write"),
        ("unix:\0name", "names no socket file; write"),
        ("unix:" + "a" * 108, "path too long: 108 bytes, limit 107; choose a shorter one"),
        ("unix:" + "\xe9" * 54, "path too long: 108 bytes"),
        ("fd:", "names no descriptor; write 'fd:3'"),
        ("fd:web", "names no descriptor"),
        ("fd:-1", "names no descriptor"),
        ("fd:9999999999", "names no descriptor"),
    ],
)
def test_address_that_names_nothing_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=rf"address {re.escape(repr(text))}:? {re.escape(why)}"):
        parse_address(text)


def test_address_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="an address is a str like"):
        parse_address(3000)


def test_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="no address to listen on"):
        fastloop.run(Server(APP).serve())


# Listening.


def talk(sock: socket.socket) -> bytes:
    with sock:
        sock.settimeout(PATIENCE)
        sock.sendall(request(fields="Connection: close\r\n"))
        return b"".join(iter(lambda: sock.recv(65536), b""))


def connect(address: str) -> socket.socket:
    """Return a connection to address, as a server gives it."""
    kind, _, path = address.partition(":")
    if kind == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        return sock
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE)


def listened(*addresses: str, inside: Callable[[], object] = lambda: None, **options: Any) -> tuple[str, ...]:
    """Serve on addresses, check that each answers, and return what they are."""

    async def main() -> tuple[str, ...]:
        async with Server(APP, **options).listening(*addresses) as server:
            for address in server.addresses:
                answer = await asyncio.to_thread(lambda address=address: talk(connect(address)))
                assert answer.endswith(b"\r\n\r\nroot")
            inside()
        return server.addresses

    return fastloop.run(main())


def test_free_port_is_told() -> None:
    (address,) = listened("127.0.0.1:0")
    assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d*", address)


@needs_ipv6
def test_ipv6_is_listened_on() -> None:
    (address,) = listened("[::1]:0")
    assert re.fullmatch(r"\[::1\]:[1-9]\d*", address)


@needs_ipv6
@pytest.mark.parametrize("text", [":0", "*:0"])
def test_all_interfaces_are_both_families_on_one_port(text: str) -> None:
    six, four = listened(text)
    assert (six.rpartition(":")[0], four.rpartition(":")[0]) == ("[::]", "0.0.0.0")
    assert six.rpartition(":")[2] == four.rpartition(":")[2]


def test_family_that_is_turned_off_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    make = listen.listening_sockets

    def without_ipv6(infos: list[Any], **options: Any) -> list[socket.socket]:
        if infos[0][0] == socket.AF_INET6:
            raise OSError(99, "Cannot assign requested address")
        return make(infos, **options)

    monkeypatch.setattr(listen, "listening_sockets", without_ipv6)
    (address,) = listened(":0")
    assert address.startswith("0.0.0.0:")


def test_port_that_is_taken_on_the_other_family_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    make, tries = listen.listening_sockets, []

    def taken_at_first(infos: list[Any], **options: Any) -> list[socket.socket]:
        tries.append(infos[0][4][1])
        if len(tries) in (2, 4):
            raise OSError(98, "Address already in use")
        return make(infos, **options)

    async def twice(*args: Any, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", 0)) for last in (1, 2)]

    monkeypatch.setattr(listen, "listening_sockets", taken_at_first)
    monkeypatch.setattr(listen, "resolve", twice)
    one, two = listened("both:0")
    assert one.partition(":")[2] == two.partition(":")[2]
    assert len(tries) == 6


def test_name_is_listened_on_at_every_address_it_has() -> None:
    known = {info[4][0] for info in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    if not have_ipv6():
        known.discard("::1")
    assert {address.rpartition(":")[0].strip("[]") for address in listened("localhost:0")} == known


def test_several_addresses_are_one_server(tmp_path: Path) -> None:
    addresses = listened("127.0.0.1:0", f"unix:{tmp_path}/a", "127.0.0.2:0", f"unix:{tmp_path}/b")
    assert [address.rpartition(":")[0] for address in addresses] == ["127.0.0.1", "unix", "127.0.0.2", "unix"]
    assert os.listdir(tmp_path) == []


def test_port_can_be_shared_if_all_say_so() -> None:
    def again() -> None:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind(("127.0.0.1", port))
            other.listen()

    port = free_port()
    listened(f"127.0.0.1:{port}", inside=again, reuse_port=True)
    with pytest.raises(OSError, match="in use"):
        listened(f"127.0.0.1:{port}", inside=again)


# All or none.


@pytest.mark.parametrize(
    ("last", "kind", "why"),
    [
        ("127.0.0.1:{taken}", OSError, r"address '127\.0\.0\.1:\d+': .* in use"),
        ("unix:/nowhere/at/all", FileNotFoundError, "address 'unix:/nowhere/at/all': No such file"),
        ("no-such-host.invalid:1", socket.gaierror, "'no-such-host.invalid:1': .*; name a host of this"),
        ("192.0.2.1:1", OSError, r"address '192\.0\.2\.1:1': 192\.0\.2\.1 is not of this machine"),
        ("fd:99", ValueError, "address 'fd:99': descriptor 99 is not open"),
        ("nonsense", ValueError, "is not host:port"),
    ],
)
def test_address_that_fails_leaves_nothing_open(
    tmp_path: Path, last: str, kind: type[Exception], why: str
) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        last = last.format(taken=taken.getsockname()[1])
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(kind, match=why):
            fastloop.run(Server(APP).serve(f"unix:{tmp_path}/a", f"127.0.0.1:{port}", last))
        assert len(os.listdir("/proc/self/fd")) == before
    assert os.listdir(tmp_path) == []
    with pytest.raises(ConnectionRefusedError):
        Peer(port)


# Unix.


def test_socket_file_that_nobody_listens_on_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "app")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    assert listened(f"unix:{path}") == (f"unix:{path}",)
    assert not os.path.exists(path)


@pytest.mark.parametrize("full", [False, True])
def test_socket_file_that_is_in_use_is_left_alone(tmp_path: Path, full: bool) -> None:
    path = str(tmp_path / "app")
    with socket.socket(socket.AF_UNIX) as living, socket.socket(socket.AF_UNIX) as peer:
        living.bind(path)
        living.listen(0)
        if full:
            peer.connect(path)
        with pytest.raises(OSError, match=f"address 'unix:{path}': '{path}' is in use; end the server"):
            listened(f"unix:{path}")
        assert os.path.exists(path)


def test_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="that is no socket; choose another path"):
        listened(f"unix:{path}")
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("mode", "umask", "expected"), [(0o666, 0o077, 0o666), (0o600, 0, 0o600), (None, 0o027, 0o750)]
)
def test_socket_file_has_the_mode_asked_for(
    tmp_path: Path, mode: int | None, umask: int, expected: int
) -> None:
    def look() -> None:
        assert stat.S_IMODE(os.stat(tmp_path / "app").st_mode) == expected

    before = os.umask(umask)
    try:
        listened(f"unix:{tmp_path}/app", inside=look, unix_mode=mode)
    finally:
        os.umask(before)


def test_socket_file_of_a_successor_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "app"

    def replace() -> None:
        path.unlink()
        path.write_text("successor")

    listened(f"unix:{path}", inside=replace)
    assert path.read_text() == "successor"
