"""What all transports share: protocols, flow control."""

import asyncio
import contextvars
import fractions
import sys

import pytest
from peers import Recorder, connected_pair, in_thread, read_all, until

BIG = b"x" * (16 << 20)


async def end(transport, protocol, peer):
    transport.abort()
    await protocol.lost
    peer.close()


def test_it_is_an_asyncio_transport(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        assert isinstance(transport, asyncio.Transport)
        assert isinstance(transport, asyncio.WriteTransport)
        assert transport.get_protocol() is protocol
        assert protocol.transport is transport
        assert "open" in repr(transport)
        await end(transport, protocol, peer)
        assert "closed" in repr(transport)

    run(main())


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, (16384, 65536)),
        ({"high": 100}, (25, 100)),
        ({"low": 100}, (100, 400)),
        ({"high": 10, "low": 10}, (10, 10)),
        ({"high": 0}, (0, 0)),
        ({"high": 2**40, "low": 0}, (0, 2**40)),
        ({"high": 2**70}, (sys.maxsize, sys.maxsize)),
        ({"high": float("inf"), "low": 10}, (10, sys.maxsize)),
        ({"high": 100.5}, (25, 100)),
        ({"high": 100.5, "low": 0.5}, (0, 100)),
        ({"low": 1.5}, (1, 6)),
        ({"high": fractions.Fraction(7, 2)}, (0, 3)),
    ],
)
def test_limits_and_their_defaults(run, limits, expected):
    async def main():
        transport, protocol, peer = await connected_pair()
        assert transport.get_write_buffer_limits() == (16384, 65536)
        transport.set_write_buffer_limits(**limits)
        assert transport.get_write_buffer_limits() == expected
        await end(transport, protocol, peer)

    run(main())


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"high": 1, "low": 2}, ValueError),
        ({"high": -1}, ValueError),
        ({"low": -1}, ValueError),
        ({"high": 10, "low": -1}, ValueError),
        ({"high": 10, "low": 10.5}, ValueError),
        ({"high": -0.5, "low": -0.5}, ValueError),
        ({"high": float("nan")}, ValueError),
        ({"high": 10, "low": float("nan")}, ValueError),
        ({"high": "10"}, TypeError),
        ({"high": 10, "low": "5"}, TypeError),
        ({"high": [10]}, TypeError),
    ],
)
def test_wrong_limits_are_refused(run, limits, error):
    async def main():
        transport, protocol, peer = await connected_pair()
        with pytest.raises(error, match="must be >= low" if error is ValueError else "supported"):
            transport.set_write_buffer_limits(**limits)
        assert transport.get_write_buffer_limits() == (16384, 65536)
        await end(transport, protocol, peer)

    run(main())


def test_a_writer_is_paused_above_high_and_goes_on_at_low(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        sizes = []
        protocol.pause_writing = lambda: sizes.append(("pause", transport.get_write_buffer_size()))
        protocol.resume_writing = lambda: sizes.append(("resume", transport.get_write_buffer_size()))
        transport.set_write_buffer_limits(high=100_000, low=50_000)
        transport.write(BIG)
        transport.write(b"more")
        assert [name for name, _ in sizes] == ["pause"]
        assert sizes[0][1] > 100_000
        reader = asyncio.ensure_future(in_thread(read_all, peer))
        await until(lambda: len(sizes) == 2)
        assert sizes[1][0] == "resume"
        assert sizes[1][1] <= 50_000
        transport.close()
        assert await reader == BIG + b"more"
        await protocol.lost
        peer.close()

    run(main())


def test_what_is_sent_at_once_pauses_nobody(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.set_write_buffer_limits(high=0)
        transport.write(b"x" * 1000)
        assert transport.get_write_buffer_size() == 0
        assert protocol.told == ["made"]
        await end(transport, protocol, peer)

    run(main())


def test_lowering_the_limit_pauses_at_once(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.set_write_buffer_limits(high=2**30)
        transport.write(BIG)
        assert protocol.told == ["made"]
        transport.set_write_buffer_limits(high=1)
        assert protocol.told == ["made", "pause"]
        await end(transport, protocol, peer)

    run(main())


@pytest.mark.parametrize("method", ["pause_writing", "resume_writing"])
def test_errors_of_flow_control_are_reported_and_do_not_close(loop, method):
    async def main():
        transport, protocol, peer = await connected_pair()

        def fail():
            raise ValueError("mine")

        setattr(protocol, method, fail)
        transport.write(BIG)
        transport.close()
        assert await in_thread(read_all, peer) == BIG
        assert await protocol.lost is None
        peer.close()

    loop.run_until_complete(main())
    (report,) = loop.reports
    assert report["message"] == f"protocol.{method}() failed"
    assert isinstance(report["exception"], ValueError)


def test_the_protocol_can_be_changed_midway(run):
    class Buffered(asyncio.BufferedProtocol):
        def __init__(self):
            self.buffer = bytearray(3)
            self.seen = b""
            self.lost = asyncio.get_running_loop().create_future()

        def get_buffer(self, sizehint):
            assert sizehint == -1
            return self.buffer

        def buffer_updated(self, nbytes):
            self.seen += self.buffer[:nbytes]

        def connection_lost(self, exc):
            self.lost.set_result(exc)

    async def main():
        transport, first, peer = await connected_pair()
        peer.send(b"first")
        await until(lambda: first.data == b"first")
        second = Buffered()
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        peer.send(b"second")
        await until(lambda: second.seen == b"second")
        third = Recorder()
        transport.set_protocol(third)
        peer.send(b"third")
        await until(lambda: third.data == b"third")
        peer.close()
        await third.lost
        assert third.told == ["eof", "lost"]
        assert first.told == ["made"]
        assert not second.lost.done()

    run(main())


def test_a_protocol_can_hand_over_from_inside_data_received(run):
    class First(Recorder):
        def data_received(self, data):
            super().data_received(data)
            self.transport.set_protocol(second)
            second.data_received(b"<")

    async def main():
        nonlocal second
        second = Recorder()
        transport, first, peer = await connected_pair(First())
        peer.send(b"one")
        await until(lambda: first.data == b"one")
        peer.send(b"two")
        await until(lambda: second.data == b"<two")
        transport.abort()
        await second.lost
        peer.close()

    second = None
    run(main())


def test_callbacks_run_in_the_context_the_connection_was_made_in(run):
    var = contextvars.ContextVar("var", default="unset")

    class Watching(Recorder):
        def note(self, name):
            seen[name] = var.get()

        def connection_made(self, transport):
            super().connection_made(transport)
            self.note("made")

        def data_received(self, data):
            super().data_received(data)
            self.note("data")

        def resume_writing(self):
            self.note("resume")

        def eof_received(self):
            self.note("eof")

        def connection_lost(self, exc):
            self.note("lost")
            super().connection_lost(exc)

    seen = {}

    async def main():
        var.set("creator")
        transport, protocol, peer = await connected_pair(Watching())
        var.set("later")
        transport.write(BIG)
        peer.send(b"x")
        await until(lambda: protocol.data)
        peer.shutdown(1)
        assert await in_thread(read_all, peer) == BIG
        await protocol.lost
        peer.close()

    run(main())
    assert seen == dict.fromkeys(["made", "data", "resume", "eof", "lost"], "creator")


def test_an_abort_loses_the_connection_in_the_context_it_was_made_in(run):
    var = contextvars.ContextVar("var", default="unset")

    class Watching(Recorder):
        def connection_lost(self, exc):
            seen.append(var.get())
            super().connection_lost(exc)

    seen = []

    async def main():
        for method in ("close", "abort"):
            var.set("creator")
            transport, protocol, peer = await connected_pair(Watching())
            var.set("later")
            getattr(transport, method)()
            await protocol.lost
            peer.close()

    run(main())
    assert seen == ["creator", "creator"]
