"""create_connection and create_server: arguments, addresses, errors."""

import asyncio
import errno
import re
import socket
import sys

import pytest
from peers import Recorder, descriptors, tcp_pair, until


@pytest.fixture
def free_port():
    """A port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def names(server):
    return sorted(sock.getsockname()[:2] for sock in server.sockets)


async def stop(server):
    server.close()
    await server.wait_closed()


# Connecting.


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_connection_is_made(run, host):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Recorder, host, 0)
        port = server.sockets[0].getsockname()[1]
        transport, protocol = await loop.create_connection(Recorder, host, port)
        assert protocol.told == ["made"]
        assert transport.get_extra_info("peername")[1] == port
        transport.close()
        await protocol.lost
        await stop(server)

    run(main())


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((), {}, ValueError), ((None, None), {}, ValueError),
        (("127.0.0.1", 1), {"sock": "given"}, ValueError),
        ((), {"sock": "datagram"}, ValueError), (("127.0.0.1", 1), {"server_hostname": "x"}, ValueError),
        (("127.0.0.1", 1), {"ssl_handshake_timeout": 1}, ValueError),
        (("127.0.0.1", 1), {"ssl_shutdown_timeout": 1}, ValueError),
    ],
)
def test_arguments_that_make_no_connection_are_refused(loop, arguments, options, error):
    ours, peer = tcp_pair()
    datagram = socket.socket(type=socket.SOCK_DGRAM)
    with ours, peer, datagram:
        known = {"given": ours, "datagram": datagram}
        options = {name: known.get(value, value) for name, value in options.items()}
        with pytest.raises(error):
            loop.run_until_complete(loop.create_connection(asyncio.Protocol, *arguments, **options))
        assert ours.fileno() >= 0


def test_a_refused_connection_names_the_address(loop, free_port):
    before = descriptors()
    with pytest.raises(ConnectionRefusedError, match=re.escape(f"('127.0.0.1', {free_port})")):
        loop.run_until_complete(loop.create_connection(Recorder, "127.0.0.1", free_port))
    assert descriptors() == before


class Resolving:
    """Has a loop resolve every name to addresses of a test's own."""

    def __init__(self, loop, addresses):
        async def getaddrinfo(host, port, **options):
            return [
                (socket.AF_INET6 if ":" in name else socket.AF_INET, socket.SOCK_STREAM, 6, "",
                 (name, number, 0, 0) if ":" in name else (name, number))
                for name, number in addresses
            ]

        loop.getaddrinfo = getaddrinfo


def test_all_failures_are_told(loop, free_port):
    Resolving(loop, [("127.0.0.1", free_port), ("::1", free_port)])
    with pytest.raises(OSError, match=r"Multiple exceptions: .*127.0.0.1.*, .*::1"):
        loop.run_until_complete(loop.create_connection(Recorder, "anywhere", 1))
    with pytest.raises(ExceptionGroup) as caught:
        loop.run_until_complete(loop.create_connection(Recorder, "anywhere", 1, all_errors=True))
    assert [type(exc) for exc in caught.value.exceptions] == [ConnectionRefusedError] * 2


def test_equal_failures_are_told_as_one(loop, free_port):
    Resolving(loop, [("127.0.0.1", free_port), ("127.0.0.1", free_port)])
    with pytest.raises(ConnectionRefusedError):
        loop.run_until_complete(loop.create_connection(Recorder, "anywhere", 1))


def test_the_next_address_is_tried(loop, run, free_port):
    async def main():
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        Resolving(loop, [("::1", free_port), ("127.0.0.1", free_port), ("127.0.0.1", port)])
        transport, protocol = await loop.create_connection(Recorder, "anywhere", 1)
        assert transport.get_extra_info("peername") == ("127.0.0.1", port)
        transport.close()
        await protocol.lost
        await stop(server)

    run(main())


@pytest.mark.parametrize("options", [{}, {"happy_eyeballs_delay": 0.01}, {"local_addr": ("127.0.0.1", 0)}])
def test_a_loop_resolves_names_alone(run, options):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        asked = []

        async def getaddrinfo(host, port, **_):
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        loop.getaddrinfo = getaddrinfo
        port = server.sockets[0].getsockname()[1]
        for host in ("127.0.0.1", "somewhere.example"):
            transport, protocol = await loop.create_connection(Recorder, host, port, **options)
            transport.close()
            await protocol.lost
        assert asked == ["somewhere.example"]
        await stop(server)

    run(main())


def test_a_name_without_addresses_is_told(loop):
    Resolving(loop, [])
    with pytest.raises(OSError, match=r"getaddrinfo\('nowhere'\) returned empty list"):
        loop.run_until_complete(loop.create_connection(Recorder, "nowhere", 1))


def test_a_local_address_is_used(run):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        transport, protocol = await loop.create_connection(Recorder, *address, local_addr=("127.0.0.2", 0))
        assert transport.get_extra_info("sockname")[0] == "127.0.0.2"
        message = r"error while attempting to bind on address .*: cannot assign"
        with pytest.raises(OSError, match=message) as caught:
            await loop.create_connection(Recorder, *address, local_addr=("192.0.2.1", 0))
        assert caught.value.errno == errno.EADDRNOTAVAIL
        with pytest.raises(OSError, match="local address"):
            await loop.create_connection(Recorder, *address, local_addr=("::1", 0))
        transport.close()
        await protocol.lost
        await stop(server)

    run(main())


def test_a_factory_that_fails_closes_the_socket(loop):
    def fail():
        raise ValueError("mine")

    ours, peer = tcp_pair()
    with peer, pytest.raises(ValueError, match="mine"):
        loop.run_until_complete(loop.create_connection(fail, sock=ours))
    assert ours.fileno() == -1


def test_a_blocking_socket_is_made_non_blocking(run):
    async def main():
        ours, peer = tcp_pair()
        ours.setblocking(True)
        transport, protocol = await asyncio.get_running_loop().create_connection(Recorder, sock=ours)
        assert ours.gettimeout() == 0
        transport.close()
        await protocol.lost
        peer.close()

    run(main())


def test_a_connection_that_is_cancelled_leaves_nothing(run):
    async def main():
        loop = asyncio.get_running_loop()
        # A listener whose queue is full answers no more.
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            peers = []
            for _ in range(4):
                peer = socket.socket()
                peer.setblocking(False)
                peer.connect_ex(listener.getsockname())
                peers.append(peer)
            before = descriptors()
            connecting = asyncio.ensure_future(loop.create_connection(Recorder, *listener.getsockname()))
            await asyncio.sleep(0.01)
            assert not connecting.done()
            assert descriptors() == before + 1
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            assert descriptors() == before
            for peer in peers:
                peer.close()

    run(main())


# Serving.


@pytest.mark.skipif(sys.version_info < (3, 13), reason="asyncio does it since 3.13")
def test_an_address_this_machine_lacks_is_passed_over(loop, run):
    async def main():
        # 192.0.2.0/24 is for documentation (RFC 5737).
        server = await loop.create_server(Recorder, ["192.0.2.1", "127.0.0.1"], 0)
        assert [host for host, _ in names(server)] == ["127.0.0.1"]
        await stop(server)

    run(main())
    before = descriptors()
    with pytest.raises(OSError, match=r"out of \[\('192\.0\.2\.1', 0\)\]") as caught:
        loop.run_until_complete(loop.create_server(Recorder, "192.0.2.1", 0))
    assert caught.value.errno == errno.EADDRNOTAVAIL
    assert descriptors() == before


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="passed over since 3.13")
def test_an_address_this_machine_lacks_is_named(loop):
    with pytest.raises(OSError, match=r"bind on address \('192\.0\.2\.1', 0\)") as caught:
        loop.run_until_complete(loop.create_server(Recorder, ["127.0.0.1", "192.0.2.1"], 0))
    assert caught.value.errno == errno.EADDRNOTAVAIL


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((), {}, ValueError), (("127.0.0.1", 0), {"sock": "given"}, ValueError),
        ((), {"sock": "datagram"}, ValueError), (("127.0.0.1", 0), {"ssl": True}, TypeError),
        (("127.0.0.1", 0), {"ssl_handshake_timeout": 1}, ValueError),
        (("127.0.0.1", 0), {"ssl_shutdown_timeout": 1}, ValueError),
    ],
)
def test_arguments_that_make_no_server_are_refused(loop, arguments, options, error):
    ours, peer = tcp_pair()
    datagram = socket.socket(type=socket.SOCK_DGRAM)
    with ours, peer, datagram:
        known = {"given": ours, "datagram": datagram}
        options = {name: known.get(value, value) for name, value in options.items()}
        with pytest.raises(error):
            loop.run_until_complete(loop.create_server(asyncio.Protocol, *arguments, **options))


def test_a_server_listens_on_every_host_once(run):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Recorder, ["127.0.0.1", "127.0.0.2", "127.0.0.1", "::1"], 0)
        assert [host for host, _ in names(server)] == ["127.0.0.1", "127.0.0.2", "::1"]
        await stop(server)
        server = await loop.create_server(Recorder, None, 0)
        assert {host for host, _ in names(server)} <= {"0.0.0.0", "::"}
        await stop(server)
        server = await loop.create_server(Recorder, "", 0, family=socket.AF_INET)
        assert [host for host, _ in names(server)] == ["0.0.0.0"]
        await stop(server)

    run(main())


def test_both_families_share_a_port(run):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Recorder, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        other = await loop.create_server(Recorder, "::", port)
        await stop(server)
        await stop(other)

    run(main())


def test_a_port_in_use_is_named(loop, run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host, port = taken.getsockname()
        before = descriptors()
        message = f"error while attempting to bind on address ('{host}', {port}): address already in use"
        with pytest.raises(OSError, match=re.escape(message)) as caught:
            loop.run_until_complete(loop.create_server(Recorder, ["127.0.0.2", host], port))
        assert caught.value.errno == errno.EADDRINUSE
        # Neither is left bound.
        assert descriptors() == before


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing/socket", "No such file or directory"),
        ("file", "file' is already in use"),
        ("x" * 200, "AF_UNIX path too long"),
    ],
)
def test_a_path_that_cannot_be_bound_leaves_nothing(loop, tmp_path, path, message):
    (tmp_path / "file").touch()
    before = descriptors()
    with pytest.raises(OSError, match=message):
        loop.run_until_complete(loop.create_unix_server(Recorder, tmp_path / path))
    assert descriptors() == before


def test_a_port_can_be_shared_if_asked(run):
    async def main():
        loop = asyncio.get_running_loop()
        first = await loop.create_server(Recorder, "127.0.0.1", 0, reuse_port=True)
        port = first.sockets[0].getsockname()[1]
        second = await loop.create_server(Recorder, "127.0.0.1", port, reuse_port=True)
        with pytest.raises(OSError, match="in use"):
            await loop.create_server(Recorder, "127.0.0.1", port)
        await stop(first)
        await stop(second)

    run(main())


@pytest.mark.parametrize(("value", "expected"), [(None, 1), (True, 1), (False, 0)])
def test_addresses_are_reused_unless_told_not_to(run, value, expected):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Recorder, "127.0.0.1", 0, reuse_address=value)
        assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == expected
        await stop(server)

    run(main())


def test_keep_alive_is_set_if_asked(run):
    async def main():
        server = await asyncio.get_running_loop().create_server(Recorder, "127.0.0.1", 0, keep_alive=True)
        assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        await stop(server)

    run(main())


def test_a_bound_socket_can_be_served(run):
    async def main():
        loop = asyncio.get_running_loop()
        made = []

        def factory():
            made.append(Recorder())
            return made[-1]

        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        server = await loop.create_server(factory, sock=sock)
        with socket.create_connection(sock.getsockname()):
            await until(lambda: made)
        await stop(server)
        assert sock.fileno() == -1

    run(main())
