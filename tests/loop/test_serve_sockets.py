"""serve_sockets: several sockets as one server, its limit of connections, and an end that loses nobody."""

import asyncio
import os
import socket

import pytest
from peers import Recorder, in_thread, read_all, until

import fastloop._server


class Serving:
    """A server of Recorders on some sockets of 127.0.0.1."""

    def __init__(self, sockets=1, **options):
        self.sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(sockets)]
        self.names = [sock.getsockname() for sock in self.sockets]
        self.made = []
        self.options = options

    def factory(self):
        self.made.append(Recorder())
        return self.made[-1]

    async def __aenter__(self):
        for sock in self.sockets:
            sock.setblocking(False)
        loop = asyncio.get_running_loop()
        self.server = await loop.serve_sockets(self.factory, self.sockets, **self.options)
        return self

    async def __aexit__(self, *exc):
        self.server.close()
        self.server.abort_clients()
        await self.server.wait_ended()

    def connect(self, number=0):
        return socket.create_connection(self.names[number], timeout=20)


async def turns():
    """Let the loop poll a few times."""
    for _ in range(3):
        await asyncio.sleep(0.002)


def test_a_full_server_leaves_connections_waiting_on_all_sockets(run):
    async def main():
        async with Serving(2, max_connections=3) as serving:
            peers = [serving.connect(number % 2) for number in range(6)]
            await until(lambda: len(serving.made) == 3)
            await turns()
            assert (len(serving.made), serving.server.connections) == (3, 3)
            for left in (4, 5, 6):
                serving.made[left - 4].transport.close()
                await until(lambda left=left: len(serving.made) == left)
                await turns()
                assert (len(serving.made), serving.server.connections) == (left, 3)
            for peer in peers:
                peer.close()
            await until(lambda: serving.server.connections == 0)
            with serving.connect():
                await until(lambda: len(serving.made) == 7)

    run(main())


def test_a_batch_stops_at_the_limit(run):
    async def main():
        async with Serving(max_connections=1) as serving:
            peers = [serving.connect() for _ in range(3)]
            for peer in peers:
                await until(lambda: serving.server.connections)
                await turns()
                assert serving.server.connections == 1
                peer.close()
            await until(lambda: len(serving.made) == 3)

    run(main())


def test_a_server_that_finishes_accepts_who_waits_and_nobody_else(run):
    async def main():
        async with Serving(2) as serving:
            peers = [serving.connect(number % 2) for number in range(6)]
            serving.server.finish()
            assert len(serving.made) == 6
            assert not serving.server.is_serving()
            for number in (0, 1):
                with pytest.raises(ConnectionRefusedError):
                    serving.connect(number)
            for peer in peers:
                peer.close()
            await serving.server.wait_ended()
            assert all(protocol.told[-1] == "lost" for protocol in serving.made)

    run(main())


def test_a_full_server_that_finishes_accepts_who_waits_as_there_is_room(run):
    async def main():
        async with Serving(2, max_connections=2) as serving:
            peers = [serving.connect(number % 2) for number in range(7)]
            await until(lambda: serving.server.connections == 2)
            serving.server.finish()
            ended = asyncio.ensure_future(serving.server.wait_ended())
            for number in range(7):
                await until(lambda number=number: len(serving.made) > number)
                assert serving.server.connections <= 2
                serving.made[number].transport.close()
            await ended
            assert len(serving.made) == 7
            for peer in peers:
                assert read_all(peer) == b""
                peer.close()

    run(main())


def test_a_server_that_finishes_does_not_wait_for_ever_for_new_ones(run):
    async def main():
        async with Serving(max_connections=1, backlog=2) as serving:
            held = serving.connect()
            await until(lambda: serving.made)
            serving.server.finish()
            held.close()
            connects = 0
            while serving.server.is_serving():
                connects += 1
                assert connects < 50
                try:
                    peer = await in_thread(serving.connect)
                except ConnectionError:
                    break
                peer.close()
                await turns()
            await serving.server.wait_ended()

    run(main())


def test_a_server_that_finishes_without_descriptors_goes_on_when_there_are(loop, run, monkeypatch):
    monkeypatch.setattr(fastloop._server, "ACCEPT_RETRY_DELAY", 0.01)

    async def main():
        async with Serving() as serving:
            with serving.connect():
                (listener,) = serving.server._listeners
                serving.server._rest(listener, OSError("none left"))
                serving.server.finish()
                await until(lambda: serving.made)
                assert not serving.server.is_serving()

    loop.set_exception_handler(lambda *_: None)
    run(main())


@pytest.mark.parametrize("twice", [False, True])
def test_finishing_a_closed_server_does_nothing(run, twice):
    async def main():
        async with Serving() as serving:
            if not twice:
                serving.server.close()
            serving.server.finish()
            serving.server.finish()
            await serving.server.wait_ended()

    run(main())


def test_a_protocol_may_close_the_server_that_finishes(run):
    async def main():
        async with Serving(2) as serving:
            made = serving.made = Closing(serving)
            with serving.connect(), serving.connect(1):
                serving.server.finish()
                assert not serving.server.is_serving()
            assert len(made) == 1

    class Closing(list):
        """Protocols; the first to be made closes the server."""

        def __init__(self, serving):
            self.serving = serving

        def append(self, protocol):
            super().append(protocol)
            self.serving.server.close()

    run(main())


def test_waiting_for_the_end_waits_for_the_last_connection(run):
    async def main():
        async with Serving() as serving:
            with serving.connect():
                await until(lambda: serving.made)
                serving.server.close()
                ended = asyncio.ensure_future(serving.server.wait_ended())
                await turns()
                assert not ended.done()
            await ended

    run(main())


def test_socket_files_go_with_the_server_unless_replaced(run, tmp_path):
    async def main():
        loop = asyncio.get_running_loop()
        paths = [str(tmp_path / name) for name in "ab"]
        sockets = [socket.socket(socket.AF_UNIX) for _ in paths]
        for sock, path in zip(sockets, paths, strict=True):
            sock.setblocking(False)
            sock.bind(path)
        server = await loop.serve_sockets(Recorder, sockets, socket_files=paths)
        os.unlink(paths[1])
        (tmp_path / "b").touch()
        server.close()
        assert os.listdir(tmp_path) == ["b"]

    run(main())


def test_a_preface_is_first_on_each_connection_and_hands_over(run):
    class Preface(asyncio.Protocol):
        """Takes a line, and then has what the factory makes take the connection."""

        def __init__(self, factory):
            self.factory = factory
            self.taken = b""

        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.taken += data
            _, end, rest = self.taken.partition(b"\n")
            if end:
                protocol = self.factory()
                self.transport.set_protocol(protocol)
                protocol.connection_made(self.transport)
                protocol.data_received(rest)

    async def main():
        async with Serving(2, preface=Preface) as serving:
            for number in range(2):
                with serving.connect(number) as peer:
                    peer.sendall(b"pre")
                    await turns()
                    assert len(serving.made) == number
                    peer.sendall(b"face\nrest")
                    await until(lambda number=number: len(serving.made) > number)
                    assert serving.made[number].data == b"rest"

    run(main())
