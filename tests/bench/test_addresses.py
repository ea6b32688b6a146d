"""Addresses of servers: reached where somebody listens, by every transport, and nowhere else."""

import itertools
import socket
import ssl
import threading
from pathlib import Path

import pytest

from bench.e2e.addresses import Address, free_ports
from bench.e2e.build import Missing, certificate
from bench.e2e.cases import Transport


def serve_once(listener: socket.socket) -> None:
    if listener.type == socket.SOCK_DGRAM:
        data, sender = listener.recvfrom(64)
        listener.sendto(data, sender)
        return
    listener.accept()[0].close()


def listen(address: Address) -> socket.socket:
    if address.transport == "udp":
        listener = socket.socket(type=socket.SOCK_DGRAM)
    else:
        listener = socket.socket(socket.AF_UNIX if address.transport == "unix" else socket.AF_INET)
    listener.settimeout(10)
    listener.bind(str(address.path) if address.transport == "unix" else ("127.0.0.1", address.port))
    if address.transport != "udp":
        listener.listen()
    if address.transport == "tls":
        try:
            cert, key = certificate()
        except Missing as reason:
            pytest.skip(f"no certificate: {reason}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        return context.wrap_socket(listener, server_side=True)
    return listener


@pytest.fixture(params=["tcp", "unix", "udp", "tls"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    transport: Transport = request.param
    return Address(transport, free_ports(1)[0], tmp_path)


def test_server_that_listens_is_up(address: Address) -> None:
    with listen(address) as listener:
        thread = threading.Thread(target=serve_once, args=(listener,))
        thread.start()
        assert address.is_up()
        thread.join()


def test_address_where_nobody_listens_is_not_up(address: Address) -> None:
    assert not address.is_up()


def test_datagram_socket_that_does_not_answer_is_not_up(tmp_path: Path) -> None:
    address = Address("udp", free_ports(1)[0], tmp_path)
    with listen(address):
        assert not address.is_up()


def test_compiled_peers_are_told_a_port_or_the_path_of_a_unix_socket(tmp_path: Path) -> None:
    assert str(Address("tcp", 8000, tmp_path)) == "8000"
    assert str(Address("unix", 8000, tmp_path)) == str(tmp_path / "8000.sock")


def test_ports_keep_clear_of_each_others_neighbours() -> None:
    ports = sorted(free_ports(5))
    assert all(later - earlier >= 3 for earlier, later in itertools.pairwise(ports))
