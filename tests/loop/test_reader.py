"""asyncio's streams on our transports: fed and read in C, and none the wiser."""

import asyncio
import contextvars
import gc
import inspect
import socket
import threading

import pytest
from peers import read_all, reset, tcp_pair, until

STOCK_READ = asyncio.StreamReader.read
STOCK_DRAIN = asyncio.StreamWriter.drain
STOCK_WRITE = asyncio.StreamWriter.write


@pytest.fixture
def pair():
    ours, theirs = tcp_pair()
    with theirs:
        yield ours, theirs


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


def test_streams_are_recognised_on_both_sides(loop, run):
    readers = []

    async def main():
        async def serve(reader, writer):
            readers.append(reader)
            writer.write(await reader.read(100))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        readers.append(reader)
        writer.write(b"hello")
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()
        server.close()
        for each in readers:
            assert isinstance(each, asyncio.StreamReader)
            assert type(each).read is not STOCK_READ
            assert repr(each).startswith("<StreamReader")

    run(main())


# What is sent, what is asked of the reader in turn, and what it answers; "end" ends the peer's side.
READS = [
    ("data", [("read", 4)], [b"data"]),
    ("data", [("read", 2), ("read", 100)], [b"da", b"ta"]),
    ("data", [("read", 0), ("read", 1)], [b"", b"d"]),
    ("data end", [("read", -1), ("read", 5)], [b"data", b""]),
    ("data end", [("read",), ("read",)], [b"data", b""]),
    ("end", [("read", 5), ("read", -1), ("read", 0)], [b"", b"", b""]),
    ("data", [("readexactly", 3), ("read", 10)], [b"dat", b"a"]),
    ("a\nb\nrest", [("readline",), ("read", 2), ("read", 9)], [b"a\n", b"b\n", b"rest"]),
    ("a;b", [("readuntil", b";"), ("read", 9)], [b"a;", b"b"]),
    ("data", [("read", True)], [b"d"]),
]


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(("sent", "asked", "expected"), READS)
def test_reads_give_what_asyncios_do(loop, run, pair, sent, asked, expected, early):
    ours, theirs = pair
    words, _, end = sent.partition("end") if sent.endswith("end") else (sent, "", None)

    def send():
        if words.strip():
            theirs.send(words.strip().encode())
        if end is not None:
            theirs.shutdown(socket.SHUT_WR)

    async def main():
        reader, writer = await asyncio.open_connection(sock=ours)
        if early:
            send()
            await until(lambda: reader._buffer or reader._eof)
            await turns()
        else:
            loop.call_later(0.001, send)
        for (name, *args), answer in zip(asked, expected, strict=True):
            assert await getattr(reader, name)(*args) == answer
        writer.close()
        await writer.wait_closed()

    run(main())


def test_a_wrong_size_is_asyncios_to_refuse(loop, run, pair):
    async def main():
        reader, writer = await asyncio.open_connection(sock=pair[0])
        pair[1].send(b"data")
        await until(lambda: reader._buffer)
        with pytest.raises(TypeError):
            await reader.read("1")
        assert await reader.read(4) == b"data"
        writer.close()

    run(main())


def test_a_second_read_is_refused_while_one_waits(loop, run, pair):
    async def main():
        reader, writer = await asyncio.open_connection(sock=pair[0])
        task = asyncio.ensure_future(reader.read(1))
        await turns()
        for name, args in (("read", (1,)), ("readline", ())):
            with pytest.raises(RuntimeError, match=r"called while another coroutine is already waiting"):
                await getattr(reader, name)(*args)
        pair[1].send(b"x")
        assert await task == b"x"
        writer.close()

    run(main())


@pytest.mark.parametrize("late", [False, True])
def test_a_cancelled_read_loses_nothing(loop, run, pair, late):
    async def main():
        reader, writer = await asyncio.open_connection(sock=pair[0])
        task = asyncio.ensure_future(reader.read(100))
        await turns()
        if late:
            pair[1].send(b"precious")
            loop.call_soon(task.cancel)
        else:
            task.cancel()
        await asyncio.wait([task])
        if not late:
            assert task.cancelled()
            pair[1].send(b"precious")
        received = b"" if task.cancelled() else task.result()
        while len(received) < 8:
            received += await reader.read(100)
        assert received == b"precious"
        writer.close()

    run(main())


def test_a_lost_connection_reaches_who_waits(loop, run, pair):
    async def main():
        reader, writer = await asyncio.open_connection(sock=pair[0])
        pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        task = asyncio.ensure_future(reader.read(100))
        await turns()
        writer.transport._force_close(ConnectionResetError("gone"))
        with pytest.raises(ConnectionResetError, match="gone"):
            await task
        with pytest.raises(ConnectionResetError, match="gone"):
            await reader.read(100)

    run(main())


def test_a_reader_above_its_limit_stops_the_peer_and_goes_on(loop, run, pair):
    data = bytes(range(256)) * 8192

    async def main():
        reader, writer = await asyncio.open_connection(sock=pair[0], limit=1024)
        sending = loop.run_in_executor(None, pair[1].sendall, data)
        await until(lambda: reader._paused)
        assert not writer.transport.is_reading()
        held = len(reader._buffer)
        await turns(10)
        assert len(reader._buffer) == held
        received = bytearray()
        while len(received) < len(data):
            received += await reader.read(1000)
        assert received == data
        await sending
        writer.close()

    run(main())


def test_callbacks_run_in_the_context_of_the_connection(loop, run):
    color = contextvars.ContextVar("color")
    seen = []

    async def main():
        def serve(reader, writer):
            seen.append(color.get())
            writer.close()

        color.set("red")
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        color.set("blue")
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await until(lambda: seen)
        writer.close()
        server.close()
        assert seen == ["red"]

    run(main())


def test_a_reader_that_its_server_has_dropped_is_not_kept(loop, run):
    async def main():
        async def serve(reader, writer):
            del reader
            await turns()
            gc.collect()
            gone.set()
            await asyncio.sleep(0.05)
            writer.close()

        gone = asyncio.Event()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await gone.wait()
        writer.write(b"for nobody")
        assert await reader.read() == b""
        writer.close()
        server.close()

    run(main())


class Subclassed(asyncio.StreamReader):
    def feed_data(self, data):
        super().feed_data(data.upper())


class Relaying(asyncio.StreamReaderProtocol):
    def data_received(self, data):
        super().data_received(data + b"!")


@pytest.mark.parametrize(
    ("reader_type", "protocol_type", "expected"),
    [(Subclassed, asyncio.StreamReaderProtocol, b"X"), (asyncio.StreamReader, Relaying, b"x!")],
)
def test_subclasses_are_called_as_ever(loop, run, pair, reader_type, protocol_type, expected):
    async def main():
        reader = reader_type(loop=loop)
        transport, _ = await loop.create_connection(lambda: protocol_type(reader, loop=loop), sock=pair[0])
        assert type(reader) is reader_type
        pair[1].send(b"x")
        assert await reader.read(100) == expected
        transport.close()

    run(main())


@pytest.mark.parametrize(
    ("owner", "name"),
    [(asyncio.StreamReader, "feed_data"), (asyncio.StreamReaderProtocol, "data_received")],
)
def test_what_has_been_patched_is_called(loop, run, pair, monkeypatch, owner, name):
    original, seen = getattr(owner, name), []

    def patched(self, data):
        seen.append(bytes(data))
        original(self, data)

    monkeypatch.setattr(owner, name, patched)

    async def main():
        reader, writer = await asyncio.open_connection(sock=pair[0])
        pair[1].send(b"x")
        assert await reader.read(100) == b"x"
        assert seen == [b"x"]
        writer.close()

    run(main())


def test_a_read_is_a_coroutine_to_all_who_look(loop, run, pair):
    async def main():
        reader, writer = await asyncio.open_connection(sock=pair[0])
        call = reader.read(1)
        assert asyncio.iscoroutine(call)
        assert call.__qualname__ == "StreamReader.read"
        assert inspect.isawaitable(call)
        pair[1].send(b"x")
        assert await asyncio.wait_for(call, 10) == b"x"
        with pytest.warns(RuntimeWarning, match=r"coroutine 'StreamReader.read' was never awaited"):
            reader.read(1)
        writer.close()

    run(main())


# A server's writer.


def serving(run, handler, client):
    """Serve one connection with handler(reader, writer); return what client(sock) does, in a thread."""
    ended = []

    async def main():
        async def serve(reader, writer):
            try:
                await handler(reader, writer)
                ended.append(None)
            except Exception as exc:
                ended.append(exc)
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname(), timeout=20) as peer:
            result = await asyncio.to_thread(client, peer)
            await until(lambda: ended)
        server.close()
        if ended[0] is not None:
            raise ended[0]
        return result

    return run(main())


def test_a_servers_writer_writes_and_drains_as_asyncios_does(run):
    async def handler(reader, writer):
        assert isinstance(writer, asyncio.StreamWriter)
        assert type(writer).drain is not STOCK_DRAIN
        assert type(writer).write is not STOCK_WRITE
        assert repr(writer).startswith("<StreamWriter transport=")
        for data in (b"bytes,", bytearray(b"bytearray,"), memoryview(b"view,"), b""):
            writer.write(data)
            assert await writer.drain() is None
        with pytest.raises(TypeError):
            writer.write("text")
        call = writer.drain()
        assert asyncio.iscoroutine(call)
        assert call.__qualname__ == "StreamWriter.drain"
        await asyncio.wait_for(call, 10)
        with pytest.warns(RuntimeWarning, match=r"coroutine 'StreamWriter.drain' was never awaited"):
            writer.drain()

    assert serving(run, handler, read_all) == b"bytes,bytearray,view,"


def test_a_servers_drain_waits_while_too_much_is_queued(run):
    data = bytes(8 << 20)
    waited = []

    async def handler(reader, writer):
        writer.write(data)
        assert writer.transport.get_write_buffer_size() > 0
        drained = asyncio.ensure_future(writer.drain())
        await turns()
        waited.append(not drained.done())
        ready.set()
        await drained

    ready = threading.Event()

    def client(peer):
        assert ready.wait(20)
        return read_all(peer)

    assert serving(run, handler, client) == data
    assert waited == [True]


def test_a_servers_drain_tells_of_a_lost_connection(run):
    async def write_on(writer):
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async def handler(reader, writer):
        with pytest.raises(ConnectionResetError):
            await write_on(writer)
        writer.write(b"dropped")
        with pytest.raises(ConnectionResetError):
            await writer.drain()

    serving(run, handler, reset)


def test_a_servers_drain_gives_way_while_the_connection_closes(run):
    async def drain_on(writer):
        while True:
            await writer.drain()

    async def handler(reader, writer):
        writer.close()
        passed = []
        asyncio.get_running_loop().call_soon(passed.append, True)
        with pytest.raises(ConnectionResetError):
            await drain_on(writer)
        assert passed

    assert serving(run, handler, read_all) == b""


@pytest.mark.parametrize("name", ["drain", "write"])
def test_a_writer_that_has_been_patched_is_called(run, monkeypatch, name):
    original, calls = getattr(asyncio.StreamWriter, name), []

    def patched(self, *args):
        calls.append(args)
        return original(self, *args)

    monkeypatch.setattr(asyncio.StreamWriter, name, patched)

    async def handler(reader, writer):
        writer.write(b"x")
        await writer.drain()

    assert serving(run, handler, read_all) == b"x"
    assert len(calls) == 1


def test_the_callback_of_a_server_is_left_as_it_was(loop, run, pair):
    async def main():
        def connected(reader, writer):
            writers.append(writer)

        writers = []
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, connected, loop=loop)
        await loop.connect_accepted_socket(lambda: protocol, pair[0])
        assert protocol._client_connected_cb is connected
        writers[0].close()
        await writers[0].wait_closed()

    run(main())
