"""What transports of sockets share: the names they know, and a descriptor that is their own."""

import asyncio
import contextlib
import itertools
import os
import socket

import datagrams
import pytest
from peers import Recorder, connect, connected_pair, in_thread, read_all, reset, tcp_pair, until

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


# Descriptors of transports.


def calls(loop):
    """Return what adds and what removes, each to be called with a descriptor."""
    adding = [lambda fd: loop.add_reader(fd, print), lambda fd: loop.add_writer(fd, print)]
    return adding, [loop.remove_reader, loop.remove_writer]


async def open_stream():
    return await connected_pair()


async def paused_stream():
    transport, protocol, peer = await connected_pair()
    transport.pause_reading()
    return transport, protocol, peer


async def stream_at_its_end():
    transport, protocol, peer = await connected_pair(Recorder(keep_open=True))
    peer.shutdown(socket.SHUT_WR)
    await until(lambda: "eof" in protocol.told)
    return transport, protocol, peer


async def stream_paused_from_the_start():
    class Shy(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()

    return await connected_pair(Shy())


async def paused_datagrams():
    ours, peer = datagrams.unix_pair()
    transport, protocol = await datagrams.endpoint(sock=ours)
    transport.pause_reading()
    return transport, protocol, peer


OWNED = [open_stream, paused_stream, stream_at_its_end, stream_paused_from_the_start, paused_datagrams]


@pytest.mark.parametrize("make", OWNED, ids=lambda make: make.__name__)
def test_a_transports_own_descriptor_is_refused_until_it_closes(loop, run, make):
    async def main():
        transport, protocol, peer = await make()
        sock = transport.get_extra_info("socket")
        number = sock.fileno()
        for call in itertools.chain(*calls(loop)):
            for fd in (sock, number):
                with pytest.raises(RuntimeError, match=r"File descriptor .* is used by transport <(Str|Dat)"):
                    call(fd)
        with socket.socket(fileno=os.dup(number)) as duplicate:
            # Another number: not the transport's.
            loop.add_reader(duplicate, print)
            assert loop.remove_reader(duplicate)
        transport.close()
        assert not loop.remove_reader(number)
        assert not loop.remove_writer(number)
        await protocol.lost
        peer.close()

    run(main())


@pytest.mark.parametrize("make", OWNED, ids=lambda make: make.__name__)
def test_the_calls_on_sockets_refuse_a_transports_own(loop, run, make):
    async def main():
        transport, protocol, peer = await make()
        sock = socket.socket(fileno=transport.get_extra_info("socket").fileno())
        sock.setblocking(False)
        if "eof" not in protocol.told:
            with pytest.raises(RuntimeError, match="is used by transport"):
                await loop.sock_recv(sock, 1)
        with contextlib.suppress(BlockingIOError):
            while True:
                sock.send(bytes(1000))
        with pytest.raises(RuntimeError, match="is used by transport"):
            await loop.sock_sendall(sock, b"x")
        sock.detach()
        transport.abort()
        await protocol.lost
        peer.close()

    run(main())


MAKERS = {
    "create_connection": lambda loop, sock: loop.create_connection(asyncio.Protocol, sock=sock),
    "TLS": lambda loop, sock: loop.create_connection(
        asyncio.Protocol, sock=sock, ssl=True, server_hostname="localhost"),
    "create_unix_connection": lambda loop, sock: loop.create_unix_connection(asyncio.Protocol, sock=sock),
    "connect_accepted_socket": lambda loop, sock: loop.connect_accepted_socket(asyncio.Protocol, sock),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_second_transport_on_a_socket_is_refused_and_the_first_goes_on(loop, run, make):
    async def main():
        protocol = Recorder()
        sock, peer = socket.socketpair()
        transport, _ = await loop.create_unix_connection(lambda: protocol, sock=sock)
        with pytest.raises(RuntimeError, match=r"^File descriptor <socket.* is used by transport <Str"):
            await make(loop, sock)
        peer.send(b"still there")
        peer.close()
        await protocol.lost
        assert protocol.data == b"still there"
        assert transport.is_closing()

    run(main())


def test_a_second_datagram_transport_on_a_socket_is_refused_and_the_first_goes_on(loop, run):
    async def main():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock)
        with pytest.raises(RuntimeError, match="is used by transport <Datagram"):
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock)
        assert not transport.is_closing()
        assert sock.fileno() >= 0
        transport.close()

    run(main())


@pytest.mark.parametrize("paused", [False, True])
def test_a_transport_takes_over_a_socket_that_calls_have_used(loop, run, paused):
    class Pausing(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            if paused:
                transport.pause_reading()

    async def main():
        ours, peer = tcp_pair()
        receiving = loop.create_task(loop.sock_recv(ours, 100))
        await asyncio.sleep(0)
        peer.send(b"first")
        assert await receiving == b"first"
        protocol = Pausing()
        transport = await connect(protocol, ours)
        with pytest.raises(RuntimeError, match="is used by transport <Stream open"):
            await loop.sock_recv(ours, 100)
        peer.send(b"second")
        transport.resume_reading()
        await until(lambda: protocol.data == b"second")
        transport.close()
        await protocol.lost
        peer.close()

    run(main())


@pytest.mark.parametrize("ending", ["close", "abort"])
def test_the_descriptor_of_a_closing_transport_is_anybodys(loop, run, ending):
    async def main():
        transport, protocol, peer = await connected_pair()
        number = transport.get_extra_info("socket").fileno()
        getattr(transport, ending)()
        loop.add_reader(number, print)
        assert loop.remove_reader(number)
        loop.add_writer(number, print)
        assert loop.remove_writer(number)
        await protocol.lost
        peer.close()

    run(main())


def test_a_closing_transport_that_still_sends_keeps_its_place(loop, run):
    async def main():
        transport, protocol, peer = await connected_pair()
        data = bytes(8 << 20)
        transport.write(data)
        transport.close()
        number = transport.get_extra_info("socket").fileno()
        adding, removing = calls(loop)
        for call in adding:
            with pytest.raises(RuntimeError, match="is used by transport <Stream closing"):
                call(number)
        for call in removing:
            assert not call(number)
        assert await in_thread(read_all, peer) == data
        assert await protocol.lost is None
        peer.close()

    run(main())


@pytest.mark.parametrize("make", OWNED, ids=lambda make: make.__name__)
def test_the_number_of_a_closed_transport_is_free_for_others(loop, run, make):
    async def main():
        ours, theirs = socket.socketpair()
        transport, protocol, peer = await make()
        number = transport.get_extra_info("socket").fileno()
        transport.abort()
        await protocol.lost
        await asyncio.sleep(0)
        os.dup2(ours.fileno(), number)
        called = []
        loop.add_reader(number, called.append, 1)
        theirs.send(b"x")
        await until(lambda: called)
        assert loop.remove_reader(number)
        os.close(number)
        for sock in (ours, theirs, peer):
            sock.close()

    run(main())


def test_a_number_closed_under_a_paused_transport_belongs_to_who_opens_it_again(loop, run):
    async def main():
        transport, protocol, peer = await paused_stream()
        number = transport.get_extra_info("socket")._sock.detach()
        sock, other_peer = tcp_pair()
        os.dup2(sock.fileno(), number)
        sock.close()
        other = Recorder()
        other_transport = await connect(other, socket.socket(fileno=number))
        other_transport.pause_reading()
        transport.abort()
        await protocol.lost
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="is used by transport <Stream open"):
            loop.add_reader(number, print)
        other_transport.abort()
        assert not loop.remove_reader(number)
        await other.lost
        peer.close()
        other_peer.close()

    run(main())


def test_a_paused_transport_nobody_holds_gives_up_its_number(loop, run):
    async def main():
        ours, peer = tcp_pair()
        number = ours.fileno()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        transport.pause_reading()
        with pytest.warns(ResourceWarning, match="unclosed transport <Stream open"):
            del transport
        assert ours.fileno() < 0
        assert not loop.remove_reader(number)
        peer.close()

    run(main())
