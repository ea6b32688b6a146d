"""websockets, client and server, on one loop."""

import asyncio
import contextlib
import os

import pytest

websockets = pytest.importorskip("websockets", reason="websockets is not installed")
from websockets.asyncio.client import connect, unix_connect  # noqa: E402
from websockets.asyncio.server import broadcast, serve, unix_serve  # noqa: E402


async def echo(socket):
    async for message in socket:
        await socket.send(message)


@pytest.fixture(params=["tcp", "tls", "unix"])
def both(request, tls, tmp_path):
    """both(handler, **options): a server of it, and what connects to it."""

    @contextlib.asynccontextmanager
    async def both(handler=echo, **options):
        options = {"max_size": None, **options}
        if request.param == "unix":
            path = str(tmp_path / "socket")
            async with unix_serve(handler, path, **options) as server:
                yield server, lambda: unix_connect(path, max_size=None)
            return
        server_ssl, client_ssl = (tls.server, tls.client) if request.param == "tls" else (None, None)
        async with serve(handler, "127.0.0.1", 0, ssl=server_ssl, **options) as server:
            url = f"ws{'s' if server_ssl else ''}://localhost:{server.sockets[0].getsockname()[1]}"
            yield server, lambda: connect(url, ssl=client_ssl, max_size=None, proxy=None)

    return both


def test_messages_come_back_in_order(run, both):
    async def main():
        async with both() as (_, client), client() as socket:
            for number in range(500):
                await socket.send(f"message {number}")
            assert [await socket.recv() for _ in range(500)] == [f"message {n}" for n in range(500)]
            data = os.urandom(5_000_000)
            await socket.send(data)
            assert await socket.recv() == data
            # A message in fragments, made as it goes.
            await socket.send(part for part in ["a", "b", "c"])
            assert await socket.recv() == "abc"

    run(main())


def test_many_clients_talk_at_once(run, both):
    async def main():
        async with both() as (_, client):

            async def talk(number):
                async with client() as socket:
                    for step in range(10):
                        await socket.send(f"{number} {step}")
                        assert await socket.recv() == f"{number} {step}"

            # Fewer at once than the listener's backlog: a full one refuses on Unix sockets.
            await asyncio.gather(*[talk(number) for number in range(80)])

    run(main())


def test_broadcast_reaches_everybody(run, both):
    async def main():
        async with both() as (server, client), contextlib.AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(client()) for _ in range(30)]
            broadcast(server.connections, "news")
            assert await asyncio.gather(*[socket.recv() for socket in sockets]) == ["news"] * 30

    run(main())


def test_pings_are_answered(run, both):
    async def main():
        async with both() as (_, client), client() as socket:
            for _ in range(20):
                assert await (await socket.ping()) >= 0

    run(main())


def test_fast_sender_waits_for_a_slow_reader(run, both):
    async def main():
        taken = []

        async def slow(socket):
            async for message in socket:
                await asyncio.sleep(0.001)
                taken.append(len(message))

        async with both(slow, max_queue=2, compression=None) as (_, client), client() as socket:
            for _ in range(100):
                await socket.send(b"x" * 100_000)
        assert taken == [100_000] * 100

    run(main())


def test_server_that_closes_says_it_is_going_away(run, both):
    async def main():
        async with both() as (server, client), client() as socket:
            server.close()
            with pytest.raises(websockets.ConnectionClosedOK):
                await socket.recv()
            assert socket.close_code == 1001
            await server.wait_closed()

    run(main())


def test_code_and_reason_arrive(run, both):
    async def main():
        async def leave(socket):
            await socket.close(4321, "enough")

        async with both(leave) as (_, client), client() as socket:
            with pytest.raises(websockets.ConnectionClosedError):
                await socket.recv()
            assert (socket.close_code, socket.close_reason) == (4321, "enough")

    run(main())


def test_dead_connection_is_found_by_keepalive(run, both):
    async def main():
        ended = asyncio.Event()

        async def wait(socket):
            await socket.wait_closed()
            ended.set()

        options = {"ping_interval": 0.05, "ping_timeout": 0.05, "close_timeout": 0.05}
        async with both(wait, **options) as (_, client), client() as socket:
            socket.transport.pause_reading()  # so that nothing is answered
            await ended.wait()
            socket.transport.abort()

    run(main())
