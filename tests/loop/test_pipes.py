"""Pipes: both ends, every kind of descriptor, flow control, and who is told of what when an end is closed."""

import array
import asyncio
import errno
import gc
import logging
import os
import pty
import subprocess
import sys
import tempfile
import warnings

import pytest
from peers import ROOT, Recorder, descriptors, until
from pipe_ends import make_pair, reading, unbuffered, writing

import fastloop

KINDS = ["pipe", "fifo", "socket", "terminal"]


@pytest.fixture(params=KINDS)
def ends(request, tmp_path):
    """Two connected file objects, (reading, writing)."""
    reader, writer = make_pair(request.param, tmp_path)
    yield reader, writer
    reader.close()
    writer.close()


@pytest.fixture
def pipe(tmp_path):
    """The two ends of a pipe, (reading, writing)."""
    reader, writer = make_pair("pipe", tmp_path)
    yield reader, writer
    reader.close()
    writer.close()


async def filled(file):
    """Return a writing end with more queued than its marks allow, and its protocol."""
    transport, protocol = await writing(file)
    transport.write(b"x" * 1_000_000)
    assert transport.get_write_buffer_size() > 64 * 1024
    assert protocol.told == ["made", "pause"]
    return transport, protocol


def test_data_goes_through_every_kind(run, ends):
    async def main():
        _, reader = await reading(ends[0])
        sink, writer = await writing(ends[1])
        assert reader.told == writer.told == ["made"]
        sink.write(b"one")
        await until(lambda: reader.data == b"one")
        sink.write(bytearray(b" two"))
        sink.write(memoryview(b" three"))
        sink.writelines([b" four", b" five"])
        await until(lambda: reader.data == b"one two three four five")
        sink.close()
        assert await writer.lost is None
        assert ends[1].closed
        await reader.lost
        assert writer.told == ["made", "lost"]
        assert ends[0].closed

    run(main())


def test_the_transports_are_asyncios(run, ends):
    async def main():
        source, reader = await reading(ends[0])
        sink, writer = await writing(ends[1])
        assert isinstance(source, asyncio.ReadTransport)
        assert isinstance(sink, asyncio.WriteTransport)
        # As asyncio's own, whose writing end is a whole transport.
        assert isinstance(sink, asyncio.Transport)
        assert not isinstance(source, asyncio.Transport)
        assert source.get_extra_info("pipe") is ends[0]
        assert sink.get_extra_info("pipe") is ends[1]
        assert source.get_extra_info("peername") is None
        assert source.get_protocol() is reader
        assert sink.can_write_eof()
        assert not os.get_blocking(ends[0].fileno())
        assert repr(source) == f"<ReadPipeTransport open fd={ends[0].fileno()}>"
        source.close()
        sink.close()
        assert source.is_closing()
        assert sink.is_closing()
        assert "closing" in repr(source)
        await reader.lost
        await writer.lost
        assert "closed" in repr(source)
        assert source.get_extra_info("pipe") is ends[0]

    run(main())


def test_streams_work_over_pipes(run, pipe):
    async def main():
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await reading(pipe[0], asyncio.StreamReaderProtocol(reader))
        sink, protocol = await writing(pipe[1], asyncio.streams.FlowControlMixin())
        writer = asyncio.StreamWriter(sink, protocol, None, loop)
        received = asyncio.ensure_future(reader.read())
        for _ in range(40):
            writer.write(b"y" * 50_000)
            await writer.drain()
        writer.close()
        assert await received == b"y" * 2_000_000

    run(main())


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("connect_read_pipe", "^Pipe transport is for pipes/sockets only.$"),
        ("connect_write_pipe", "^Pipe transport is only for pipes, sockets and character devices$"),
    ],
)
def test_files_are_refused(run, method, message):
    async def main():
        with tempfile.TemporaryFile() as file:
            with pytest.raises(ValueError, match=message):
                await getattr(asyncio.get_running_loop(), method)(Recorder, file)
            file.write(b"still open")

    run(main())


def test_a_device_that_cannot_be_watched_says_so(loop):
    async def main():
        _, protocol = await reading(unbuffered("/dev/null", "rb"))
        assert (await protocol.lost).errno == errno.EPERM
        sink, protocol = await writing(unbuffered("/dev/null", "wb"))
        sink.write(b"gone")
        sink.close()
        assert await protocol.lost is None

    loop.run_until_complete(main())
    assert [report["message"] for report in loop.reports] == ["Pipe cannot be watched"]


# Reading.


def test_the_end_of_input_is_told_once_and_closes(run, pipe):
    async def main():
        source, protocol = await reading(pipe[0], Recorder(keep_open=True))
        pipe[1].write(b"last words")
        pipe[1].close()
        assert await protocol.lost is None
        assert protocol.told == ["made", "eof", "lost"]
        assert protocol.data == b"last words"
        source.close()
        source.pause_reading()
        source.resume_reading()
        await asyncio.sleep(0)

    run(main())


def test_a_closed_reading_end_is_told_no_end_of_input(run, pipe):
    async def main():
        source, protocol = await reading(pipe[0])
        pipe[1].write(b"never read")
        source.close()
        source.close()
        assert await protocol.lost is None
        assert protocol.told == ["made", "lost"]
        assert protocol.data == b""
        with pytest.raises(BrokenPipeError):
            pipe[1].write(b"x")

    run(main())


def test_nothing_arrives_while_reading_is_paused(run, pipe):
    async def main():
        source, protocol = await reading(pipe[0])
        source.pause_reading()
        source.pause_reading()
        assert not source.is_reading()
        pipe[1].write(b"early")
        await asyncio.sleep(0.01)
        assert protocol.data == b""
        source.resume_reading()
        source.resume_reading()
        assert source.is_reading()
        await until(lambda: protocol.data == b"early")
        source.close()
        assert not source.is_reading()
        await protocol.lost

    run(main())


def test_a_protocol_can_pause_before_the_first_byte(run, pipe):
    class Reluctant(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()

    async def main():
        pipe[1].write(b"waiting")
        source, protocol = await reading(pipe[0], Reluctant())
        await asyncio.sleep(0.01)
        assert protocol.data == b""
        source.resume_reading()
        await until(lambda: protocol.data == b"waiting")
        source.close()
        await protocol.lost

    run(main())


def test_data_goes_to_the_protocol_that_took_over(run, pipe):
    async def main():
        source, first = await reading(pipe[0])
        second = Recorder()
        source.set_protocol(second)
        pipe[1].write(b"for the second")
        pipe[1].close()
        await second.lost
        assert second.data == b"for the second"
        assert first.told == ["made"]

    run(main())


def test_a_failing_read_is_reported_and_closes(loop, tmp_path):
    reader, writer = make_pair("pipe", tmp_path)

    async def main():
        _, protocol = await reading(reader)
        # The writing end in its place: no read works on it.
        os.dup2(writer.fileno(), reader.fileno())
        loop.call_soon(protocol.transport._read_ready)
        assert (await protocol.lost).errno == errno.EBADF

    loop.run_until_complete(main())
    writer.close()
    assert [report["message"] for report in loop.reports] == ["Fatal read error on pipe transport"]


def test_a_terminal_whose_last_slave_is_closed_is_lost_without_a_report(run):
    async def main():
        master, slave = pty.openpty()
        _, protocol = await reading(unbuffered(master, "rb"))
        os.write(slave, b"bye")
        await until(lambda: protocol.data == b"bye")
        os.close(slave)
        assert (await protocol.lost).errno == errno.EIO

    run(main())


# Writing.


def test_what_the_pipe_does_not_take_is_queued_and_arrives(run, pipe):
    async def main():
        sink, protocol = await filled(pipe[1])
        sink.write(b"y" * 10)
        sink.write_eof()
        sink.write(b"too late")
        received = await asyncio.to_thread(pipe[0].readall)
        assert received == b"x" * 1_000_000 + b"y" * 10
        assert await protocol.lost is None
        assert protocol.told == ["made", "pause", "resume", "lost"]

    run(main())


def test_flow_control_follows_the_marks(run, pipe):
    async def main():
        sink, protocol = await writing(pipe[1])
        assert sink.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
        sink.set_write_buffer_limits(high=100, low=50)
        assert sink.get_write_buffer_limits() == (50, 100)
        with pytest.raises(ValueError, match=r"^high \(1\) must be >= low \(2\) must be >= 0$"):
            sink.set_write_buffer_limits(high=1, low=2)
        while not sink.get_write_buffer_size():
            sink.write(b"x" * 4096)
        assert protocol.told == ["made", "pause"]
        os.set_blocking(pipe[0].fileno(), False)
        while "resume" not in protocol.told:
            pipe[0].read(1 << 16)
            await asyncio.sleep(0)
        assert sink.get_write_buffer_size() <= 50
        sink.set_write_buffer_limits(high=0)
        sink.abort()
        await protocol.lost

    run(main())


def test_a_protocol_that_writes_or_closes_when_it_may_go_on(run, pipe):
    class Closing(Recorder):
        def resume_writing(self):
            super().resume_writing()
            self.transport.write(b"y")
            self.transport.close()

    async def main():
        sink, protocol = await writing(pipe[1], Closing())
        sink.write(b"x" * 300_000)
        received = await asyncio.to_thread(pipe[0].readall)
        assert received == b"x" * 300_000 + b"y"
        await protocol.lost
        assert protocol.told == ["made", "pause", "resume", "lost"]

    run(main())


@pytest.mark.parametrize("method", ["pause_writing", "resume_writing"])
def test_a_protocol_that_fails_in_flow_control_is_reported(loop, pipe, method):
    protocol = None

    def fail():
        raise ValueError("mine")

    async def main():
        nonlocal protocol
        protocol = Recorder()
        setattr(protocol, method, fail)
        sink, _ = await writing(pipe[1], protocol)
        sink.write(b"x" * 300_000)
        sink.close()
        await asyncio.to_thread(pipe[0].readall)
        await protocol.lost

    loop.run_until_complete(main())
    assert [report["message"] for report in loop.reports] == [f"protocol.{method}() failed"]


@pytest.mark.parametrize("data", ["text", 1, None, array.array("b", b"x")])
def test_only_bytes_can_be_written(run, pipe, data):
    async def main():
        sink, protocol = await writing(pipe[1])
        with pytest.raises(TypeError, match="bytes-like"):
            sink.write(data)
        sink.write(memoryview(array.array("i", [1, 2])))
        sink.write(b"")
        sink.write(memoryview(b""))
        sink.close()
        assert await asyncio.to_thread(pipe[0].readall) == array.array("i", [1, 2]).tobytes()
        await protocol.lost

    run(main())


@pytest.mark.parametrize("kind", ["pipe", "fifo", "socket"])
def test_a_reader_that_leaves_is_noticed_without_a_write(run, tmp_path, kind):
    reader, writer = make_pair(kind, tmp_path)

    async def main():
        _, protocol = await writing(writer)
        reader.close()
        assert await protocol.lost is None
        assert writer.closed

    run(main())


def test_a_terminal_is_not_watched_for_readers_that_leave(run):
    async def main():
        master, slave = pty.openpty()
        sink, protocol = await writing(unbuffered(slave, "wb"))
        os.write(master, b"typed\n")
        await asyncio.sleep(0.01)
        assert not sink.is_closing()
        sink.close()
        assert await protocol.lost is None
        os.close(master)

    run(main())


def test_a_reader_that_leaves_with_data_under_way_breaks_the_pipe(run, pipe):
    async def main():
        sink, protocol = await filled(pipe[1])
        pipe[0].close()
        assert isinstance(await protocol.lost, BrokenPipeError)
        assert sink.get_write_buffer_size() == 0
        assert protocol.told == ["made", "pause", "lost"]

    run(main())


def test_writes_to_a_broken_pipe_are_dropped_and_in_the_end_logged(run, pipe, caplog):
    async def main():
        sink, protocol = await writing(pipe[1])
        pipe[0].close()
        for _ in range(6):
            sink.write(b"x")
        assert isinstance(await protocol.lost, BrokenPipeError)
        assert caplog.messages == ["pipe closed by peer or os.write(pipe, data) raised exception."]

    with caplog.at_level(logging.WARNING, "asyncio"):
        run(main())


def test_abort_drops_what_is_queued(run, pipe):
    async def main():
        sink, protocol = await filled(pipe[1])
        sink.close()
        sink.abort()
        sink.abort()
        assert await protocol.lost is None
        sink.abort()
        assert len(await asyncio.to_thread(pipe[0].readall)) < 1_000_000

    run(main())


# Whose pipe it is.


def test_a_connection_that_is_cancelled_closes_the_pipe(run, pipe):
    async def main():
        for connect, file in ((reading, pipe[0]), (writing, pipe[1])):
            task = asyncio.create_task(connect(file))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda file=file: file.closed)

    run(main())


def test_no_descriptor_is_left(run, tmp_path):
    async def main():
        before = descriptors()
        for _ in range(100):
            reader, writer = make_pair("pipe", tmp_path)
            _, protocol = await reading(reader)
            sink, _ = await writing(writer)
            sink.write(b"x")
            sink.close()
            await protocol.lost
        await asyncio.sleep(0)
        assert descriptors() == before

    run(main())


@pytest.mark.parametrize("connect", [reading, writing])
def test_an_unclosed_transport_warns_and_closes(connect, tmp_path):
    loop = fastloop.new_event_loop()
    reader, writer = make_pair("pipe", tmp_path)
    file = reader if connect is reading else writer
    transport, _ = loop.run_until_complete(connect(file))
    loop.close()
    assert "open" in repr(transport)
    del transport, _
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
    assert any("unclosed transport <" in str(warning.message) for warning in caught)
    assert file.closed
    reader.close()
    writer.close()


def test_standard_streams_of_a_script_are_pipes():
    code = """if True:
        import asyncio, sys, fastloop
        async def main():
            loop = asyncio.get_running_loop()
            reader = asyncio.StreamReader()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            sink, _ = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
            while line := await reader.readline():
                sink.write(line.upper())
            sink.close()
            await asyncio.sleep(0.01)
        fastloop.run(main())
    """
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, input=b"one\ntwo\n", capture_output=True, timeout=60, check=False,
    )
    assert (result.returncode, result.stdout) == (0, b"ONE\nTWO\n")
