"""Files to sockets and transports, by sendfile(2) and by reading."""

import asyncio
import io
import os
import socket
import ssl
import tempfile
from asyncio.constants import _SendfileMode
from types import SimpleNamespace

import pytest
from peers import Recorder, connect, connected_pair, in_thread, read_all, reset, tcp_pair, until

DATA = os.urandom(1 << 20) + b"the end"
# Each as (offset, count, what is sent).
RANGES = [
    (0, None, DATA),
    (1000, None, DATA[1000:]),
    (1000, 2000, DATA[1000:3000]),
    (len(DATA) - 10, 100, DATA[-10:]),
    (5, len(DATA) - 5, DATA[5:]),
    (len(DATA), None, b""),
    (len(DATA) + 10, 5, b""),
]


@pytest.fixture(params=["file", "unbuffered", "memory"])
def any_file(request):
    """A file that sendfile(2) takes, buffered or not, and one that it does not."""
    if request.param == "memory":
        yield io.BytesIO(DATA)
        return
    with tempfile.TemporaryFile(buffering=0 if request.param == "unbuffered" else -1) as file:
        file.write(DATA)
        file.seek(123)
        yield file


@pytest.fixture
def file():
    with tempfile.TemporaryFile() as file:
        file.write(DATA)
        file.flush()
        file.seek(0)
        yield file


@pytest.fixture
def pair():
    ours, theirs = tcp_pair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def no_sendfile(monkeypatch):
    """A kernel whose sendfile(2) takes nothing of what it is given."""

    def refuse(*_):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "sendfile", refuse)


async def stream_pair(protocol=None):
    """Return (transport, protocol, peer) with a small send buffer."""
    ours, peer = tcp_pair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    protocol = protocol or Recorder()
    return await connect(protocol, ours), protocol, peer


async def started(coroutine):
    """Return a task of coroutine that has come as far as it can."""
    task = asyncio.ensure_future(coroutine)
    await asyncio.sleep(0.02)
    return task


# To a socket.

@pytest.mark.parametrize(("offset", "count", "expected"), RANGES)
def test_a_socket_is_sent_the_range_and_the_position_is_behind_it(
    loop, run, pair, any_file, offset, count, expected
):
    ours, theirs = pair

    async def main():
        received = asyncio.ensure_future(in_thread(read_all, theirs))
        assert await loop.sock_sendfile(ours, any_file, offset, count) == len(expected)
        ours.shutdown(socket.SHUT_WR)
        assert await received == expected
        assert any_file.tell() == offset + len(expected)
        assert not loop.remove_writer(ours)

    run(main())


def test_a_file_mixes_with_what_is_sent_before_and_after(loop, run, pair, file):
    ours, theirs = pair

    async def main():
        received = asyncio.ensure_future(in_thread(read_all, theirs))
        await loop.sock_sendall(ours, b"<" * 100_000)
        await loop.sock_sendfile(ours, file)
        await loop.sock_sendall(ours, b">")
        ours.shutdown(socket.SHUT_WR)
        assert await received == b"<" * 100_000 + DATA + b">"

    run(main())


def test_what_was_read_ahead_of_the_file_does_not_confuse_its_position(loop, run, pair, file):
    ours, _ = pair
    assert file.read(1) == DATA[:1]
    assert run(loop.sock_sendfile(ours, file, 10, 20)) == 20
    assert file.tell() == 30
    assert file.read(5) == DATA[30:35]


def test_cancelled_sending_leaves_no_writer_and_the_position_where_it_got(loop, run, pair, any_file):
    ours, theirs = pair

    async def main():
        task = await started(loop.sock_sendfile(ours, any_file, 7))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert not loop.remove_writer(ours)
        ours.shutdown(socket.SHUT_WR)
        received = await in_thread(read_all, theirs)
        assert DATA[7:].startswith(received)
        if not isinstance(any_file, io.BytesIO):
            assert 7 < any_file.tell() == 7 + len(received)

    run(main())


def test_a_socket_whose_peer_leaves_midway(loop, run, pair, any_file):
    ours, theirs = pair

    async def main():
        task = await started(loop.sock_sendfile(ours, any_file))
        reset(theirs)
        with pytest.raises(ConnectionError):
            await task
        assert any_file.tell() < len(DATA)
        assert not loop.remove_writer(ours)

    run(main())


def test_what_sendfile_does_not_take_is_read_or_refused(loop, run, pair, file, no_sendfile):
    ours, theirs = pair

    async def main():
        for unsuitable in (file, io.BytesIO(DATA), SimpleNamespace(fileno=lambda: -1)):
            with pytest.raises(asyncio.SendfileNotAvailableError):
                await loop.sock_sendfile(ours, unsuitable, fallback=False)
        received = asyncio.ensure_future(in_thread(read_all, theirs))
        assert await loop.sock_sendfile(ours, file, 1) == len(DATA) - 1
        ours.shutdown(socket.SHUT_WR)
        assert await received == DATA[1:]

    run(main())


def test_a_pipe_is_read(loop, run, pair):
    ours, theirs = pair
    reader, writer = os.pipe()
    os.write(writer, b"from a pipe")
    os.close(writer)
    # Without seek(), as a pipe has none.
    with open(reader, "rb") as pipe:
        piped = SimpleNamespace(fileno=pipe.fileno, readinto=pipe.readinto)
        assert run(loop.sock_sendfile(ours, piped)) == 11
    assert theirs.recv(100) == b"from a pipe"


def test_a_file_closed_midway_is_not_taken_for_another(loop, run, pair, file):
    ours, theirs = pair

    async def main():
        task = await started(loop.sock_sendfile(ours, file))
        file.close()
        received = asyncio.ensure_future(in_thread(read_all, theirs))
        with pytest.raises(ValueError, match="closed file"):
            await task
        ours.shutdown(socket.SHUT_WR)
        await received

    run(main())


BAD_ARGUMENTS = [
    ((0, 0), ValueError, r"count must be a positive integer \(got 0\)"),
    ((0, -1), ValueError, r"count must be a positive integer \(got -1\)"),
    ((0, "1"), TypeError, r"count must be a positive integer \(got '1'\)"),
    ((-1,), ValueError, r"offset must be a non-negative integer \(got -1\)"),
    ((1.5,), TypeError, r"offset must be a non-negative integer \(got 1.5\)"),
]


@pytest.mark.parametrize(("args", "error", "message"), BAD_ARGUMENTS)
def test_bad_ranges_are_refused(loop, run, pair, file, args, error, message):
    with pytest.raises(error, match=message):
        run(loop.sock_sendfile(pair[0], file, *args))

    async def to_transport():
        transport, protocol, peer = await connected_pair()
        with pytest.raises(error, match=message):
            await loop.sendfile(transport, file, *args)
        assert transport.is_reading()
        transport.write(b"goes on")
        assert await in_thread(peer.recv, 100) == b"goes on"
        transport.close()
        await protocol.lost
        peer.close()

    run(to_transport())


def test_what_is_no_binary_file_or_no_stream_is_refused(loop, run, pair, file):
    with tempfile.TemporaryFile("w") as text, pytest.raises(ValueError, match="opened in binary mode"):
        run(loop.sock_sendfile(pair[0], text))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as datagram,
        pytest.raises(ValueError, match="only SOCK_STREAM type sockets are supported"),
    ):
        run(loop.sock_sendfile(datagram, file))
    context = ssl.create_default_context()
    with (
        context.wrap_socket(socket.socket(), server_hostname="x", do_handshake_on_connect=False) as tls,
        pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"),
    ):
        run(loop.sock_sendfile(tls, file))
    loop.set_debug(True)
    with socket.socket() as blocking, pytest.raises(ValueError, match="the socket must be non-blocking"):
        run(loop.sock_sendfile(blocking, file))


# To a transport.

@pytest.mark.parametrize(("offset", "count", "expected"), RANGES)
def test_a_transport_is_sent_the_range_between_what_is_written(loop, run, any_file, offset, count, expected):
    async def main():
        transport, protocol, peer = await stream_pair()
        transport.write(b"<" * 500_000)
        assert transport.queued
        received = asyncio.ensure_future(in_thread(read_all, peer))
        assert await loop.sendfile(transport, any_file, offset, count) == len(expected)
        assert any_file.tell() == offset + len(expected)
        transport.write(b">")
        transport.close()
        assert await received == b"<" * 500_000 + expected + b">"
        assert await protocol.lost is None
        peer.close()

    run(main())


def test_meanwhile_nobody_else_writes_and_nothing_is_read(loop, run, file):
    async def main():
        transport, protocol, peer = await stream_pair()
        task = await started(loop.sendfile(transport, file))
        for write in (transport.write, lambda data: transport.writelines([data])):
            with pytest.raises(RuntimeError, match="sendfile is in progress"):
                write(b"x")
        with pytest.raises(RuntimeError, match="sendfile is in progress"):
            await loop.sendfile(transport, file)
        assert not transport.is_reading()
        peer.send(b"later")
        await asyncio.sleep(0.01)
        assert protocol.data == b""
        received = asyncio.ensure_future(in_thread(read_all, peer))
        assert await task == len(DATA)
        await until(lambda: protocol.data == b"later")
        transport.close()
        assert await received == DATA
        peer.close()

    run(main())


@pytest.mark.parametrize("resume", [False, True])
def test_reading_that_was_paused_stays_so_and_may_be_resumed_meanwhile(loop, run, file, resume):
    async def main():
        transport, protocol, peer = await stream_pair()
        transport.pause_reading()
        task = await started(loop.sendfile(transport, file))
        peer.send(b"x")
        if resume:
            transport.resume_reading()
            await until(lambda: protocol.data == b"x")
        received = asyncio.ensure_future(in_thread(read_all, peer))
        assert await task == len(DATA)
        assert transport.is_reading() is resume
        transport.resume_reading()
        await until(lambda: protocol.data == b"x")
        transport.close()
        assert await received == DATA
        peer.close()

    run(main())


def test_a_loop_does_not_spin_once_a_file_is_sent(loop, run, file):
    async def main():
        transport, _, peer = await stream_pair()
        transport.pause_reading()
        received = asyncio.ensure_future(in_thread(read_all, peer))
        await loop.sendfile(transport, file)
        await asyncio.sleep(0.05)
        before = os.times()
        await asyncio.sleep(0.3)
        spent = os.times()
        assert spent.user + spent.system - before.user - before.system < 0.15
        transport.close()
        await received
        peer.close()

    run(main())


@pytest.mark.parametrize("end", ["reset", "abort", "close"])
@pytest.mark.parametrize("natively", [True, False])
@pytest.mark.parametrize("queued", [False, True])
def test_a_connection_lost_midway(loop, run, file, monkeypatch, end, natively, queued):
    async def main():
        transport, protocol, peer = await stream_pair()
        if queued:
            transport.write(bytes(4 << 20))
        source = file if natively else io.BytesIO(DATA)
        task = await started(loop.sendfile(transport, source))
        assert not task.done()
        if end == "reset":
            reset(peer)
        else:
            getattr(transport, end)()
        if end == "close":
            # What is queued is sent yet.
            await in_thread(read_all, peer)
        with pytest.raises(ConnectionError):
            await task
        assert source.tell() < len(DATA)
        assert transport.is_closing()
        await protocol.lost
        peer.close()

    run(main())


def test_a_cancelled_sendfile_leaves_a_transport_that_works(loop, run, any_file):
    async def main():
        transport, protocol, peer = await stream_pair()
        task = await started(loop.sendfile(transport, any_file))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        transport.write(b"the rest")
        transport.close()
        received = await in_thread(read_all, peer)
        assert received.endswith(b"the rest")
        assert DATA.startswith(received[:-8])
        await protocol.lost
        peer.close()

    run(main())


def test_transports_that_send_no_files(loop, run, file):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            await loop.sendfile(transport, file)
        assert transport.is_reading()
        assert not transport.is_closing()
        transport.close()
        with pytest.raises(RuntimeError, match="Transport is closing"):
            await loop.sendfile(transport, file)
        await protocol.lost
        peer.close()
        other = SimpleNamespace(is_closing=lambda: False)
        with pytest.raises(RuntimeError, match="sendfile is not supported for transport"):
            await loop.sendfile(other, file)
        other._sendfile_compatible = _SendfileMode.FALLBACK
        with pytest.raises(RuntimeError, match="fallback is disabled"):
            await loop.sendfile(other, file, fallback=False)
        with pytest.raises(TypeError, match="not one of this loop's"):
            await loop.sendfile(other, file)

    run(main())


def test_without_a_fallback_a_stream_says_so(loop, run, no_sendfile, file):
    async def main():
        transport, protocol, peer = await connected_pair()
        with pytest.raises(asyncio.SendfileNotAvailableError):
            await loop.sendfile(transport, file, fallback=False)
        transport.close()
        await protocol.lost
        peer.close()

    run(main())
