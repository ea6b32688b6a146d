"""What transports of sockets share: the names they know, and for how long they know them."""

import asyncio
import os
import socket

import datagrams
import pytest
from peers import Recorder, connected_pair, reset, tcp_pair, until

NAMES = ("socket", "sockname", "peername")


def facts(transport):
    """Return what is known of a transport's socket: whether it is open, its family, and both names."""
    sock = transport.get_extra_info("socket")
    assert type(sock) is asyncio.trsock.TransportSocket
    assert transport.get_extra_info("socket") is sock
    return (
        sock.fileno() >= 0, sock.family,
        *(transport.get_extra_info(name, "default") for name in NAMES[1:]),
    )


class Asking(Recorder):
    """Asks for all names in one of its callbacks, and for none before that."""

    def __init__(self, when):
        super().__init__()
        self.when = when
        self.facts = None

    def connection_made(self, transport):
        super().connection_made(transport)
        if self.when == "made":
            self.facts = facts(transport)

    def connection_lost(self, exc):
        if self.when == "lost":
            self.facts = facts(self.transport)
        super().connection_lost(exc)


# Each makes a connection, one side of it of protocol's, and returns (its socket's family, its own name,
# its peer's name, the peer as a socket).


async def accepted_tcp(protocol, tmp_path, host="127.0.0.1", connect_to=None):
    server = await asyncio.get_running_loop().create_server(lambda: protocol, host, 0)
    (sock,) = server.sockets
    peer = socket.create_connection((connect_to or host, sock.getsockname()[1]))
    await until(lambda: protocol.transport)
    server.close()
    return sock.family, peer.getpeername(), peer.getsockname(), peer


async def accepted_tcp6(protocol, tmp_path):
    return await accepted_tcp(protocol, tmp_path, "::1")


async def accepted_on_any_address(protocol, tmp_path):
    return await accepted_tcp(protocol, tmp_path, "0.0.0.0", "127.0.0.2")


async def accepted_unix(protocol, tmp_path, name=None):
    path = str(tmp_path / "server")
    server = await asyncio.get_running_loop().create_unix_server(lambda: protocol, path)
    peer = socket.socket(socket.AF_UNIX)
    if name is not None:
        peer.bind(name)
    peer.connect(path)
    await until(lambda: protocol.transport)
    server.close()
    return socket.AF_UNIX, path, name or "", peer


async def accepted_unix_of_a_short_name(protocol, tmp_path):
    return await accepted_unix(protocol, tmp_path, b"\0fastloop-%d" % os.getpid())


async def accepted_unix_of_a_long_name(protocol, tmp_path):
    return await accepted_unix(protocol, tmp_path, (b"\0fastloop-%d" % os.getpid()).ljust(100, b"-"))


async def taken_over_tcp(protocol, tmp_path, family=socket.AF_INET):
    ours, peer = tcp_pair(family)
    await asyncio.get_running_loop().create_connection(lambda: protocol, sock=ours)
    return family, peer.getpeername(), peer.getsockname(), peer


async def taken_over_pair(protocol, tmp_path):
    ours, peer = socket.socketpair()
    await asyncio.get_running_loop().create_connection(lambda: protocol, sock=ours)
    return socket.AF_UNIX, "", "", peer


KINDS = [
    accepted_tcp, accepted_tcp6, accepted_on_any_address, accepted_unix, accepted_unix_of_a_short_name,
    accepted_unix_of_a_long_name, taken_over_tcp, taken_over_pair,
]
ENDINGS = {
    "close": lambda transport, peer: transport.close(),
    "abort": lambda transport, peer: transport.abort(),
    "peer ends": lambda transport, peer: peer.close(),
    "peer resets": lambda transport, peer: reset(peer),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("when", ["made", "lost", "after"])
@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_the_names_of_a_connection_are_known_whenever_they_are_asked_for(run, make, when, ending, tmp_path):
    async def main():
        protocol = Asking(when)
        *expected, peer = await make(protocol, tmp_path)
        ENDINGS[ending](protocol.transport, peer)
        await protocol.lost
        await asyncio.sleep(0)
        if when != "after":
            assert protocol.facts == (True, *expected)
        # Also what another has been asked before.
        for _ in range(2):
            assert facts(protocol.transport) == (False, *expected)
        peer.close()

    run(main())


@pytest.mark.parametrize("when", ["open", "after"])
def test_the_names_of_a_datagram_socket_are_known_after_its_end(run, when):
    async def main():
        server, _ = await datagrams.endpoint(local_addr=datagrams.LOCAL)
        here = server.get_extra_info("socket").getsockname()
        client, _ = await datagrams.endpoint(remote_addr=here)
        there = client.get_extra_info("socket").getsockname()
        if when == "open":
            assert facts(server) == (True, socket.AF_INET, here, None)
            assert facts(client) == (True, socket.AF_INET, there, here)
        await datagrams.end(server, client)
        assert facts(server) == (False, socket.AF_INET, here, None)
        assert facts(client) == (False, socket.AF_INET, there, here)

    run(main())


def test_what_is_not_known_is_the_default(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        for _ in range(2):
            assert transport.get_extra_info("nonsense") is None
            assert transport.get_extra_info("nonsense", 3) == 3
            transport.abort()
            await protocol.lost
        peer.close()

    run(main())
