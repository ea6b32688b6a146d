"""Streams: writing, reading, ending, over real sockets."""

import array
import asyncio
import hashlib
import logging
import os
import random
import socket
import threading
import time

import pytest
from peers import Recorder, connected_pair, in_thread, read_all, reset, tcp_pair, until

BIG = random.Random(1).randbytes(8 << 20)


def read_slowly(sock):
    """Read to the end with a small buffer, a little at a time, with pauses."""
    got = bytearray()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200_000)
    while chunk := sock.recv(200_000):
        got += chunk
        if random.random() < 0.1:
            time.sleep(0.001)
    return bytes(got)


# Writing.


def test_what_is_written_arrives_in_order(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        for number in range(1000):
            transport.write(b"%d," % number)
        transport.close()
        assert await in_thread(read_all, peer) == b"".join(b"%d," % number for number in range(1000))
        assert await protocol.lost is None
        peer.close()

    run(main())


@pytest.mark.parametrize("reader", [read_all, read_slowly])
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda transport: transport.write(BIG), id="one write"),
        pytest.param(lambda transport: transport.write(bytearray(BIG)), id="one bytearray"),
        pytest.param(
            lambda transport: [transport.write(BIG[at:at + 10_007]) for at in range(0, len(BIG), 10_007)],
            id="many writes",
        ),
        pytest.param(
            lambda transport: transport.writelines(
                [BIG[at:at + 10_007] for at in range(0, len(BIG), 10_007)]
            ),
            id="writelines",
        ),
        pytest.param(
            lambda transport: transport.writelines([BIG[:1], b"", BIG[1:5000], b"", b"", BIG[5000:]]),
            id="writelines with empty pieces",
        ),
        pytest.param(
            lambda transport: [
                transport.writelines([BIG[at:at + 999], memoryview(BIG)[at + 999:at + 50_000]])
                for at in range(0, len(BIG), 50_000)
            ],
            id="many writelines",
        ),
    ],
)
def test_large_writes_arrive_whole(run, write, reader):
    async def main():
        transport, protocol, peer = await connected_pair()
        write(transport)
        transport.close()
        assert await in_thread(reader, peer) == BIG
        assert await protocol.lost is None
        peer.close()

    run(main())


def test_random_writes_while_the_peer_reads_slowly_arrive_whole(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        reading = asyncio.ensure_future(in_thread(read_slowly, peer))
        source = random.Random(2)
        at = 0
        while at < len(BIG):
            size = source.choice([0, 1, 100, 70_000, 500_000])
            if source.random() < 0.5:
                transport.write(BIG[at:at + size])
            else:
                half = size // 2
                transport.writelines([BIG[at:at + half], bytearray(BIG[at + half:at + size])])
            at += size
            if source.random() < 0.3:
                await asyncio.sleep(0)
        transport.write_eof()
        assert await reading == BIG
        transport.close()
        await protocol.lost
        peer.close()

    run(main())


def test_what_is_changed_after_write_is_sent_as_it_was(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        data = bytearray(BIG)
        transport.write(data)
        data[:] = bytes(len(data))
        more = bytearray(b"more")
        transport.write(memoryview(more))
        more[:] = b"----"
        lines = bytearray(b"lines")
        transport.writelines([lines, memoryview(lines)])
        lines.clear()
        transport.close()
        assert await in_thread(read_all, peer) == BIG + b"morelineslines"
        await protocol.lost
        peer.close()

    run(main())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"abc", b"abc"), (bytearray(b"abc"), b"abc"), (memoryview(b"abc"), b"abc"),
        (memoryview(b"abc")[1:], b"bc"),
        (memoryview(array.array("I", [1, 2])), array.array("I", [1, 2]).tobytes()),
        (type("Bytes", (bytes,), {})(b"abc"), b"abc"), (b"", b""), (bytearray(), b""),
    ],
)
def test_bytes_like_objects_are_written(run, data, expected):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.write(data)
        transport.write_eof()
        assert await in_thread(read_all, peer) == expected
        transport.close()
        await protocol.lost
        peer.close()

    run(main())


@pytest.mark.parametrize("data", ["text", None, 3, [b"x"], array.array("b", [1])])
def test_anything_else_is_refused(run, data):
    async def main():
        transport, protocol, peer = await connected_pair()
        with pytest.raises(TypeError, match="must be a bytes-like object"):
            transport.write(data)
        transport.write(b"still works")
        transport.close()
        assert await in_thread(read_all, peer) == b"still works"
        await protocol.lost
        peer.close()

    run(main())


def test_writelines_takes_any_iterable_of_bytes_like_objects(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.writelines(iter([b"a", bytearray(b"b"), memoryview(b"c")]))
        transport.writelines([])
        with pytest.raises(TypeError):
            transport.writelines([b"d", "e"])
        transport.close()
        assert await in_thread(read_all, peer) == b"abc"
        await protocol.lost
        peer.close()

    run(main())


def test_writes_after_the_connection_is_lost_are_dropped_and_logged_from_the_fifth_on(run, caplog):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.close()
        for _ in range(3):
            transport.write(b"x")
            transport.write(b"")
        await protocol.lost
        transport.writelines([b"x"])
        transport.writelines([])
        assert caplog.messages == []
        for logged in range(1, 4):
            transport.write(b"x")
            transport.write(b"")
            assert caplog.messages == ["socket.send() raised exception."] * logged
        assert transport.get_write_buffer_size() == 0
        assert await in_thread(read_all, peer) == b""
        peer.close()

    with caplog.at_level(logging.WARNING, "asyncio"):
        run(main())


@pytest.mark.parametrize("data", [memoryview(b"abcdef")[::2], memoryview(b"abc")[::-1]])
@pytest.mark.parametrize("queued", [False, True])
def test_a_view_with_gaps_is_refused_and_harms_nobody(run, data, queued):
    async def main():
        transport, protocol, peer = await connected_pair()
        expected = BIG if queued else b""
        transport.write(expected)
        with pytest.raises(BufferError, match="not C-contiguous"):
            transport.write(data)
        transport.close()
        assert await in_thread(read_all, peer) == expected
        await protocol.lost
        peer.close()

    run(main())


# Reading.


@pytest.mark.parametrize("paused", [False, True])
def test_what_the_peer_sends_is_received_whole(run, paused):
    async def main():
        transport, protocol, peer = await connected_pair()
        sending = asyncio.ensure_future(in_thread(peer.sendall, BIG))
        while len(protocol.data) < len(BIG):
            if paused:
                transport.pause_reading()
                await asyncio.sleep(0.0005)
                transport.resume_reading()
            # Not 0: a turn with work in it need not poll.
            await asyncio.sleep(0.0005)
        await sending
        assert protocol.data == BIG
        transport.close()
        await protocol.lost
        peer.close()

    run(main())


def test_received_bytes_are_never_changed_once_they_are_handed_over(run):
    source = random.Random(3)
    sizes = [source.choice([1, 5_000, 9_000, 16_384, 16_384, 20_000, 60_000, 120_000]) for _ in range(400)]
    kept, checked, total = [], [], hashlib.sha256()

    class Keeper(Recorder):
        def data_received(self, data):
            total.update(data)
            # Of some nothing is kept, of some a view, of some all: and each of them has been hashed.
            checked.append(hash(data) == hash(bytes(bytearray(data))))
            if source.random() < 0.3:
                kept.append((data, bytearray(data)))
            elif source.random() < 0.3:
                kept.append((memoryview(data), bytearray(data)))

    async def main():
        _, protocol, peer = await connected_pair(Keeper())
        at = 0
        for size in sizes:
            await in_thread(peer.sendall, BIG[at:at + size])
            at += size
        peer.close()
        await protocol.lost
        assert total.digest() == hashlib.sha256(BIG[:at]).digest()
        assert all(checked)
        assert all(data == copy for data, copy in kept)

    run(main())


def test_nothing_is_received_while_paused(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        assert transport.is_reading()
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        peer.send(b"x")
        peer.close()
        await asyncio.sleep(0.01)
        assert protocol.told == ["made"]
        assert protocol.data == b""
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading()
        await protocol.lost
        assert protocol.data == b"x"
        assert not transport.is_reading()

    run(main())


def test_reading_can_be_paused_from_the_start_and_from_inside(run):
    class Shy(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()

        def data_received(self, data):
            super().data_received(data)
            self.transport.pause_reading()

    async def main():
        transport, protocol, peer = await connected_pair(Shy())
        peer.send(b"a")
        await asyncio.sleep(0.005)
        assert protocol.data == b""
        transport.resume_reading()
        await until(lambda: protocol.data == b"a")
        peer.send(b"b")
        await asyncio.sleep(0.005)
        assert protocol.data == b"a"
        transport.close()
        transport.resume_reading()
        assert not transport.is_reading()
        await protocol.lost
        peer.close()

    run(main())


class Buffered(asyncio.BufferedProtocol):
    """Receives into a small buffer of its own."""

    def __init__(self, size=1000):
        self.buffer = bytearray(size)
        self.data = bytearray()
        self.told = []
        self.lost = asyncio.get_running_loop().create_future()

    def get_buffer(self, sizehint):
        return self.buffer

    def buffer_updated(self, nbytes):
        self.data += self.buffer[:nbytes]

    def eof_received(self):
        self.told.append("eof")

    def connection_lost(self, exc):
        self.lost.set_result(exc)


def test_a_buffered_protocol_receives_into_its_own_buffer(run):
    async def main():
        _, protocol, peer = await connected_pair(Buffered())
        sending = threading.Thread(target=lambda: (peer.sendall(BIG[:1_000_001]), peer.close()))
        sending.start()
        assert await protocol.lost is None
        sending.join()
        assert protocol.data == BIG[:1_000_001]
        assert protocol.told == ["eof"]

    run(main())


@pytest.mark.parametrize("buffer", [bytearray(), b"read-only", None, "text"])
def test_a_buffer_that_cannot_be_received_into_closes_the_connection(loop, buffer):
    async def main():
        _, protocol, peer = await connected_pair(Buffered())
        protocol.buffer = buffer
        peer.send(b"x")
        assert await protocol.lost is not None
        peer.close()

    loop.run_until_complete(main())
    (report,) = loop.reports
    assert report["message"] == "Fatal error: protocol.get_buffer() call failed."


@pytest.mark.parametrize("method", ["get_buffer", "buffer_updated"])
def test_an_error_of_a_buffered_protocol_names_the_call(loop, method):
    async def main():
        def fail(*_):
            raise ValueError("mine")

        protocol = Buffered()
        setattr(protocol, method, fail)
        _, _, peer = await connected_pair(protocol)
        peer.send(b"x")
        assert isinstance(await protocol.lost, ValueError)
        peer.close()

    loop.run_until_complete(main())
    (report,) = loop.reports
    assert report["message"] == f"Fatal error: protocol.{method}() call failed."


# Extra information.


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_addresses_and_socket_are_known(run, family):
    async def main():
        ours, theirs = tcp_pair(family)
        here, there = ours.getsockname(), ours.getpeername()
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        assert transport.get_extra_info("sockname") == here
        assert transport.get_extra_info("peername") == there
        sock = transport.get_extra_info("socket")
        assert type(sock) is asyncio.trsock.TransportSocket
        assert sock.getsockname() == here
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert transport.get_extra_info("nonsense") is None
        assert transport.get_extra_info("nonsense", 3) == 3
        reset(theirs)
        assert isinstance(await protocol.lost, ConnectionResetError)
        assert transport.get_extra_info("peername") == there
        assert transport.get_extra_info("sockname") == here

    run(main())


def test_a_pair_of_unix_sockets_can_be_taken_over(run):
    async def main():
        ours, peer = socket.socketpair()
        transport, protocol = await asyncio.get_running_loop().create_connection(Recorder, sock=ours)
        assert transport.get_extra_info("peername") == ""
        peer.send(b"hello")
        await until(lambda: protocol.data == b"hello")
        transport.write(b"there")
        assert peer.recv(100) == b"there"
        peer.close()
        await protocol.lost

    run(main())


def test_a_transport_nobody_ended_warns(loop):
    ours, peer = tcp_pair()
    number = ours.fileno()
    loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=ours))
    del ours
    with pytest.warns(ResourceWarning, match="unclosed transport <Stream open"):
        loop.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    peer.close()


# The stream API.


def test_streams_echo(run):
    async def serve(reader, writer):
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def client(port, number):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for size in (1, 100, 60_000):
            line = (b"%d" % number) * size + b"\n"
            writer.write(line)
            await writer.drain()
            assert await reader.readline() == line
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
        port = server.sockets[0].getsockname()[1]
        async with server:
            await asyncio.gather(*[client(port, number) for number in range(30)])

    run(main())


def test_drain_waits_for_a_slow_reader(run):
    async def main():
        ours, peer = tcp_pair()
        _, writer = await asyncio.open_connection(sock=ours)
        writer.write(BIG)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await writer.drain()
        reading = asyncio.ensure_future(in_thread(read_all, peer))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert await reading == BIG
        peer.close()

    run(main())
