"""Accepting connections."""

import asyncio
import contextvars
import socket

import pytest
from peers import Recorder, ended, python, read_all, until


def address(server):
    return server.sockets[0].getsockname()


def test_many_connections_at_once_are_all_accepted(run):
    async def main():
        made = []

        def factory():
            made.append(Recorder())
            return made[-1]

        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, backlog=300)
        peers = [socket.create_connection(address(server)) for _ in range(300)]
        for number, peer in enumerate(peers):
            peer.send(b"%d" % number)
        await until(lambda: len(made) == 300 and all(protocol.data for protocol in made))
        assert sorted(int(protocol.data) for protocol in made) == list(range(300))
        for peer in peers:
            peer.close()
        server.close()
        await ended(server)
        assert all(protocol.told == ["made", "eof", "lost"] for protocol in made)

    run(main())


def test_a_connection_lost_before_it_is_accepted_is_told_of(run):
    async def main():
        made = []

        def factory():
            made.append(Recorder())
            return made[-1]

        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
        for _ in range(10):
            socket.create_connection(address(server)).close()
        await until(lambda: len(made) == 10)
        server.close()
        await ended(server)
        assert all(protocol.told[-1] == "lost" for protocol in made)

    run(main())


@pytest.mark.parametrize("failing", [1, 2])
def test_a_factory_that_fails_costs_one_connection(loop, failing):
    async def main():
        calls = 0
        made = []

        def factory():
            nonlocal calls
            calls += 1
            if calls == failing:
                raise ValueError("mine")
            made.append(Recorder())
            return made[-1]

        server = await loop.create_server(factory, "127.0.0.1", 0)
        peers = [socket.create_connection(address(server), timeout=20) for _ in range(3)]
        await until(lambda: calls == 3)
        assert len(made) == 2
        dropped = peers[failing - 1]
        assert read_all(dropped) == b""
        for peer in peers:
            peer.close()
        server.close()
        await ended(server)

    loop.run_until_complete(main())
    (report,) = loop.reports
    assert report["message"] == "Error on transport creation for incoming connection"
    assert str(report["exception"]) == "mine"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_the_factory_comes_out_of_the_loop(loop, kind):
    def factory():
        raise kind

    server = loop.run_until_complete(loop.create_server(factory, "127.0.0.1", 0))
    with socket.create_connection(address(server), timeout=20) as peer:
        with pytest.raises(kind):
            loop.run_forever()
        assert read_all(peer) == b""
    server.close()
    loop.run_until_complete(server.wait_closed())


def test_a_factory_that_makes_no_protocol_costs_one_connection(loop):
    async def main():
        server = await loop.create_server(lambda: None, "127.0.0.1", 0)
        with socket.create_connection(address(server), timeout=20) as peer:
            await until(lambda: loop.reports)
            await asyncio.sleep(0.001)
            assert read_all(peer) == b""
        server.close()
        await ended(server)

    loop.run_until_complete(main())
    assert len(loop.reports) >= 1


@pytest.mark.parametrize("inside", ["factory", "connection_made"])
def test_the_server_may_be_closed_while_it_accepts(run, inside):
    async def main():
        made = []

        class Closing(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                if inside == "connection_made":
                    server.close()

        def factory():
            if inside == "factory":
                server.close()
            made.append(Closing())
            return made[-1]

        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
        peers = [socket.create_connection(address(server), timeout=20) for _ in range(5)]
        await until(lambda: made)
        await asyncio.sleep(0.005)
        assert len(made) == 1
        assert not server.is_serving()
        made[0].transport.write(b"welcome")
        made[0].transport.close()
        assert await made[0].lost is None
        assert read_all(peers[0]) == b"welcome"
        await ended(server)
        for peer in peers:
            peer.close()

    run(main())


EXHAUSTED = """
import asyncio, os, resource, socket, fastloop
from fastloop import _server

_server.ACCEPT_RETRY_DELAY = 0.05

async def main():
    loop = asyncio.get_running_loop()
    reports = []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    made = []

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport):
            made.append(transport)

    server = await loop.create_server(Protocol, "127.0.0.1", 0)
    clients = [socket.create_connection(server.sockets[0].getsockname()) for _ in range(5)]
    used = max(map(int, os.listdir("/proc/self/fd"))) + 1
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Numbers below the limit that are free: none but two.
    fillers = [os.dup(0) for _ in range(20)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(fillers) + 1, hard))
    for filler in fillers[:2]:
        os.close(filler)
    async with asyncio.timeout(20):
        while not reports:
            await asyncio.sleep(0.001)
    assert len(made) == 2, made
    assert reports[0]["message"] == "socket.accept() out of system resource"
    assert reports[0]["exception"].errno == 24
    assert type(reports[0]["socket"]).__name__ == "TransportSocket"
    await asyncio.sleep(0.12)
    # It rests in between.
    assert 2 <= len(reports) <= 4, len(reports)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    async with asyncio.timeout(20):
        while len(made) < 5:
            await asyncio.sleep(0.001)
    server.close()
    for transport in made:
        transport.abort()
    await server.wait_closed()
    for client in clients:
        client.close()
    print("went on")

fastloop.run(main())
"""


def test_without_descriptors_it_rests_and_goes_on():
    result = python(EXHAUSTED)
    assert result.stdout == "went on\n", result.stderr


def test_accepted_connections_begin_in_the_context_their_server_was_started_in(run):
    where = contextvars.ContextVar("where", default="nowhere")

    class Seeing(Recorder):
        def __init__(self):
            super().__init__()
            self.seen = [where.get()]
            where.set("a connection")

        def connection_made(self, transport):
            super().connection_made(transport)
            self.seen.append(where.get())

        def connection_lost(self, exc):
            self.seen.append(where.get())
            super().connection_lost(exc)

    async def main():
        made = []

        def factory():
            made.append(Seeing())
            return made[-1]

        where.set("the server")
        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
        where.set("elsewhere")
        for _ in range(2):
            socket.create_connection(address(server)).close()
        await until(lambda: len(made) == 2)
        server.close()
        await ended(server)
        assert [protocol.seen for protocol in made] == [["the server", "a connection", "a connection"]] * 2

    run(main())
