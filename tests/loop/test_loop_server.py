"""Server: serving, closing, waiting."""

import asyncio
import gc
import socket
import sys

import pytest
from peers import Recorder, descriptors, ended, python, read_all, until


class Serving:
    """A server of Recorders, and the protocols it made."""

    def __init__(self, **options):
        self.made = []
        self.options = options

    def factory(self):
        self.made.append(Recorder())
        return self.made[-1]

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(self.factory, "127.0.0.1", 0, **self.options)
        return self

    async def __aexit__(self, *exc):
        self.server.close()
        self.server.abort_clients()
        await ended(self.server)

    def connect(self):
        return socket.create_connection(self.server.sockets[0].getsockname(), timeout=20)


def test_it_is_an_asyncio_server(run):
    async def main():
        async with Serving() as serving:
            server = serving.server
            assert isinstance(server, asyncio.AbstractServer)
            assert server.get_loop() is asyncio.get_running_loop()
            assert server.is_serving()
            (sock,) = server.sockets
            assert type(sock) is asyncio.trsock.TransportSocket
            assert "sockets=" in repr(server)
        assert not server.is_serving()
        assert server.sockets == ()

    run(main())


def test_a_server_can_be_started_later(run):
    async def main():
        async with Serving(start_serving=False) as serving:
            server = serving.server
            assert not server.is_serving()
            with pytest.raises(ConnectionRefusedError):
                serving.connect()
            await server.start_serving()
            await server.start_serving()
            assert server.is_serving()
            with serving.connect():
                await until(lambda: serving.made)

    run(main())


def test_close_stops_listening_and_leaves_connections_open(run):
    async def main():
        async with Serving() as serving:
            address = serving.server.sockets[0].getsockname()
            with serving.connect() as peer:
                await until(lambda: serving.made)
                serving.server.close()
                serving.server.close()
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(address)
                peer.send(b"still here")
                await until(lambda: serving.made[0].data == b"still here")
                waiting = asyncio.ensure_future(serving.server.wait_closed())
                await asyncio.sleep(0.005)
                assert waiting.done() == (sys.version_info < (3, 12))
            await waiting
            await serving.made[0].lost

    run(main())


def test_wait_closed_waits_for_close(run):
    async def main():
        async with Serving() as serving:
            waiting = [asyncio.ensure_future(serving.server.wait_closed()) for _ in range(3)]
            await asyncio.sleep(0.005)
            assert not any(waiter.done() for waiter in waiting)
            waiting[0].cancel()
            serving.server.close()
            await asyncio.gather(*waiting[1:])
            await serving.server.wait_closed()

    run(main())


def test_serve_forever_ends_when_it_is_cancelled(run):
    async def main():
        serving = Serving(start_serving=False)
        await serving.__aenter__()
        task = asyncio.ensure_future(serving.server.serve_forever())
        await asyncio.sleep(0)
        assert serving.server.is_serving()
        with pytest.raises(RuntimeError, match="already being awaited"):
            await serving.server.serve_forever()
        with serving.connect() as peer:
            await until(lambda: serving.made)
            task.cancel()
            # The peer does nothing about it, and is not waited for.
            with pytest.raises(asyncio.CancelledError):
                await task
            if sys.version_info >= (3, 12):
                assert peer.recv(1) == b""
            else:
                # Nor is its connection closed, as asyncio had it.
                peer.send(b"still here")
                await until(lambda: serving.made[0].data == b"still here")
                serving.server.abort_clients()
        assert not serving.server.is_serving()
        with pytest.raises(RuntimeError, match="is closed"):
            await serving.server.serve_forever()

    run(main())


def test_serve_forever_ends_when_the_server_is_closed(run):
    async def main():
        async with Serving() as serving:
            task = asyncio.ensure_future(serving.server.serve_forever())
            await asyncio.sleep(0)
            serving.server.close()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())


def test_close_clients_sends_what_is_written(run):
    async def main():
        async with Serving() as serving:
            peers = [serving.connect() for _ in range(5)]
            await until(lambda: len(serving.made) == 5)
            for protocol in serving.made:
                protocol.transport.write(b"bye")
            serving.server.close()
            serving.server.close_clients()
            await ended(serving.server)
            assert [read_all(peer) for peer in peers] == [b"bye"] * 5
            for peer in peers:
                peer.close()

    run(main())


def test_abort_clients_drops_what_is_written(run):
    async def main():
        async with Serving() as serving:
            with serving.connect():
                await until(lambda: serving.made)
                serving.made[0].transport.write(b"x" * (16 << 20))
                serving.server.close()
                serving.server.close_clients()
                await asyncio.sleep(0.005)
                assert not serving.made[0].lost.done()
                serving.server.abort_clients()
                await ended(serving.server)
                assert serving.made[0].lost.done()

    run(main())


def test_a_server_is_a_context_manager(run):
    async def main():
        loop = asyncio.get_running_loop()
        async with await loop.create_server(Recorder, "127.0.0.1", 0) as server:
            assert server.is_serving()
        assert not server.is_serving()

    run(main())


def test_a_server_never_started_can_be_closed(run):
    async def main():
        loop = asyncio.get_running_loop()
        before = descriptors()
        server = await loop.create_server(Recorder, "127.0.0.1", 0, start_serving=False)
        server.close()
        await server.wait_closed()
        assert descriptors() == before

    run(main())


def test_a_listener_that_rests_can_be_closed(loop, run):
    async def main():
        async with Serving() as serving:
            server = serving.server
            (listener,) = server._listeners
            server._rest(listener, OSError("none left"))
            server.close()
            server._go_on()

    loop.set_exception_handler(lambda *_: None)
    run(main())


ROUNDS = """
import asyncio, gc, os, fastloop

async def serve(reader, writer):
    writer.write(await reader.readline())
    writer.close()

async def one_round():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\\n")
    assert await reader.read() == b"hello\\n"
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()

def count():
    gc.collect()
    return len(os.listdir("/proc/self/fd")), len(gc.get_objects())

async def main():
    for _ in range(20):
        await one_round()
    before = count()
    for _ in range(500):
        await one_round()
    return before, count()

before, after = fastloop.run(main())
assert after[0] == before[0], (before, after)
assert after[1] - before[1] < 200, (before, after)
before = count()
for _ in range(100):
    fastloop.run(one_round())
after = count()
assert after[0] == before[0], (before, after)
assert after[1] - before[1] < 200, (before, after)
print("no leak")
"""


def test_rounds_of_serving_and_connecting_leak_nothing():
    result = python(ROUNDS, "-W", "error")
    assert (result.stdout, result.stderr) == ("no leak\n", "")


def test_a_server_forgotten_by_a_closed_loop_goes_away():
    import weakref

    import fastloop

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()):
            await until(lambda: server._transports)
        server.close()
        await ended(server)
        return weakref.ref(server)

    gone = fastloop.run(main())
    gc.collect()
    assert gone() is None
