"""How streams end: closes, aborts, ends of input, resets, and errors of the protocol, in all orders."""

import asyncio
import itertools
import logging
import random
import socket

import pytest
from peers import Recorder, connected_pair, in_thread, read_all, reset, until

BIG = random.Random(1).randbytes(8 << 20)


def test_close_sends_what_is_written_first(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.write(BIG)
        transport.close()
        transport.close()
        assert transport.is_closing()
        assert "closing" in repr(transport)
        assert not protocol.lost.done()
        assert await in_thread(read_all, peer) == BIG
        assert await protocol.lost is None
        assert protocol.told == ["made", "pause", "resume", "lost"]
        peer.close()

    run(main())


def test_abort_drops_what_is_written(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.write(BIG)
        transport.abort()
        assert transport.is_closing()
        assert transport.get_write_buffer_size() == 0
        assert await protocol.lost is None
        assert len(await in_thread(read_all, peer)) < len(BIG)
        peer.close()

    run(main())


def test_abort_ends_a_close_that_waits_for_the_peer(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.write(BIG)
        transport.close()
        await asyncio.sleep(0.005)
        assert not protocol.lost.done()
        transport.abort()
        assert await protocol.lost is None
        peer.close()

    run(main())


def test_a_closing_transport_receives_nothing(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.write(BIG)
        transport.close()
        peer.send(b"late")
        await asyncio.sleep(0.005)
        assert protocol.data == b""
        transport.abort()
        await protocol.lost
        peer.close()

    run(main())


def test_write_eof_ends_our_side_only(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        assert transport.can_write_eof()
        transport.write(BIG)
        transport.write_eof()
        transport.write_eof()
        with pytest.raises(RuntimeError, match=r"Cannot call write\(\) after write_eof\(\)"):
            transport.write(b"x")
        with pytest.raises(RuntimeError, match=r"Cannot call write\w*\(\) after write_eof\(\)"):
            transport.writelines([b"x"])
        assert await in_thread(read_all, peer) == BIG
        assert not transport.is_closing()
        peer.send(b"answer")
        await until(lambda: protocol.data == b"answer")
        peer.close()
        assert await protocol.lost is None
        assert protocol.told[-2:] == ["eof", "lost"]

    run(main())


@pytest.mark.parametrize("answer", [None, False, 0, ""])
def test_the_peers_end_closes(run, answer):
    async def main():
        transport, protocol, peer = await connected_pair(Recorder(keep_open=answer))
        peer.send(b"last")
        peer.shutdown(socket.SHUT_WR)
        assert await protocol.lost is None
        assert (protocol.data, protocol.told) == (b"last", ["made", "eof", "lost"])
        assert transport.is_closing()
        assert await in_thread(read_all, peer) == b""
        peer.close()

    run(main())


@pytest.mark.parametrize("answer", [True, 1, "yes"])
def test_the_peers_end_leaves_our_side_open_if_asked(run, answer):
    async def main():
        transport, protocol, peer = await connected_pair(Recorder(keep_open=answer))
        peer.shutdown(socket.SHUT_WR)
        await until(lambda: protocol.told == ["made", "eof"])
        await asyncio.sleep(0.005)
        assert not transport.is_closing()
        transport.pause_reading()
        transport.resume_reading()
        transport.write(BIG)
        transport.close()
        assert await in_thread(read_all, peer) == BIG
        assert await protocol.lost is None
        assert protocol.told.count("eof") == 1
        peer.close()

    run(main())


def test_the_peers_end_sends_what_is_written_first(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.write(BIG)
        peer.shutdown(socket.SHUT_WR)
        await until(lambda: "eof" in protocol.told)
        assert transport.is_closing()
        assert await in_thread(read_all, peer) == BIG
        assert await protocol.lost is None
        peer.close()

    run(main())


def test_a_reset_is_told_with_its_error(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        reset(peer)
        assert isinstance(await protocol.lost, ConnectionResetError)
        assert protocol.told == ["made", "lost"]
        assert transport.is_closing()

    run(main())


def test_a_reset_while_writing_is_told_with_its_error(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.pause_reading()
        transport.write(BIG)
        reset(peer)
        assert isinstance(await protocol.lost, (ConnectionResetError, BrokenPipeError))

    run(main())


def test_a_reset_while_closing_is_told_with_its_error(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.write(BIG)
        transport.close()
        reset(peer)
        assert isinstance(await protocol.lost, (ConnectionResetError, BrokenPipeError))

    run(main())


def test_a_write_to_a_peer_that_is_gone_ends_the_connection(run):
    async def main():
        transport, protocol, peer = await connected_pair(Recorder(keep_open=True))
        peer.close()
        await until(lambda: "eof" in protocol.told)
        while not transport.is_closing():
            transport.write(b"x")
            await asyncio.sleep(0.0005)
        assert isinstance(await protocol.lost, (ConnectionResetError, BrokenPipeError))

    run(main())


STEPS = ("close", "abort", "write", "write_eof", "peer ends", "peer resets", "pause", "turn")


@pytest.mark.parametrize("steps", list(itertools.permutations(STEPS, 3)), ids="+".join)
def test_the_connection_is_lost_exactly_once_in_every_order(run, steps):
    async def main():
        transport, protocol, peer = await connected_pair()
        do = {
            "close": transport.close,
            "abort": transport.abort,
            "write": lambda: transport.write(BIG[:1_000_000]),
            "write_eof": transport.write_eof,
            "peer ends": lambda: peer.fileno() < 0 or peer.shutdown(socket.SHUT_WR),
            "peer resets": lambda: peer.fileno() < 0 or reset(peer),
            "pause": transport.pause_reading,
        }
        for step in steps:
            if step == "turn":
                await asyncio.sleep(0.001)
            elif step == "write" and "write_eof" in steps[: steps.index("write")]:
                if not transport.is_closing():
                    with pytest.raises(RuntimeError, match="after write_eof"):
                        do[step]()
            elif step == "peer ends":
                try:
                    do[step]()
                except OSError:
                    assert {"abort", "close"} & set(steps)
            else:
                do[step]()
        await asyncio.sleep(0.001)
        transport.abort()
        exc = await protocol.lost
        if "peer resets" not in steps:
            assert exc is None or isinstance(exc, (ConnectionResetError, BrokenPipeError))
        if steps[0] in ("close", "abort"):
            assert exc is None or "write" in steps
        transport.close()
        transport.abort()
        transport.write_eof()
        transport.pause_reading()
        transport.resume_reading()
        await asyncio.sleep(0)
        assert protocol.told.count("lost") == 1
        assert protocol.told.count("eof") <= 1
        assert protocol.told.count("made") == 1
        assert transport.is_closing()
        assert transport.get_write_buffer_size() == 0
        peer.close()

    run(main())


# Errors of the protocol.


class Failing(Recorder):
    """Fails in one of its methods."""

    def __init__(self, method):
        super().__init__()
        original = getattr(self, method)

        def fail(*args):
            original(*args)
            raise ValueError(method)

        setattr(self, method, fail)


@pytest.mark.parametrize("method", ["connection_made", "data_received", "eof_received"])
def test_an_error_of_the_protocol_is_reported_and_closes_the_connection(loop, method):
    async def main():
        transport, protocol, peer = await connected_pair(Failing(method))
        peer.send(b"x")
        await asyncio.sleep(0)
        try:
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            assert method != "eof_received"
        exc = await protocol.lost
        assert isinstance(exc, ValueError)
        (report,) = loop.reports
        assert report["exception"] is exc
        assert report["message"] == f"Fatal error: protocol.{method}() call failed."
        assert report["transport"] is transport
        assert report["protocol"] is protocol
        peer.close()

    loop.run_until_complete(main())


def test_an_os_error_is_told_to_the_protocol_and_reported_only_of_its_beginning(loop):
    class Refusing(Recorder):
        def __init__(self, method):
            super().__init__()
            setattr(self, method, self.refuse)

        def refuse(self, *_):
            raise PermissionError("mine")

    async def main():
        for method in ("connection_made", "data_received", "eof_received"):
            _, protocol, peer = await connected_pair(Refusing(method))
            if method != "connection_made":
                peer.send(b"x")
                peer.shutdown(socket.SHUT_WR)
            assert isinstance(await protocol.lost, PermissionError)
            peer.close()

    loop.run_until_complete(main())
    assert [report["message"] for report in loop.reports] == [
        "Fatal error: protocol.connection_made() call failed."
    ]


def test_the_end_of_a_connection_by_the_network_is_logged_in_debug_mode(loop, run, caplog):
    async def main():
        _, protocol, peer = await connected_pair()
        reset(peer)
        assert isinstance(await protocol.lost, ConnectionResetError)

    loop.set_debug(True)
    with caplog.at_level(logging.DEBUG, "asyncio"):
        run(main())
    assert any("Fatal read error on socket transport" in message for message in caplog.messages)


def test_an_error_in_connection_lost_is_reported_and_the_descriptor_closed(loop):
    async def main():
        transport, protocol, peer = await connected_pair(Failing("connection_lost"))
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        assert await in_thread(read_all, peer) == b""
        peer.close()

    loop.run_until_complete(main())
    assert [str(report["exception"]) for report in loop.reports] == ["connection_lost"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("method", ["data_received", "eof_received", "connection_lost"])
def test_an_exit_in_a_protocol_comes_out_of_the_loop(loop, method, kind):
    async def main():
        def fail(*args):
            raise kind(method)

        protocol = Recorder()
        setattr(protocol, method, fail)
        return await connected_pair(protocol)

    _, protocol, peer = loop.run_until_complete(main())
    peer.send(b"x")
    peer.shutdown(socket.SHUT_WR)
    with pytest.raises(kind, match=method):
        loop.run_forever()
    protocol.transport.abort()
    loop.run_until_complete(asyncio.sleep(0.002))
    peer.close()


@pytest.mark.parametrize("method", ["close", "abort"])
@pytest.mark.parametrize("inside", ["connection_made", "data_received", "eof_received", "connection_lost"])
def test_a_protocol_may_end_the_connection_from_any_callback(run, inside, method):
    async def main():
        protocol = Recorder()
        original = getattr(protocol, inside)

        def ending(*args):
            original(*args)
            getattr(protocol.transport, method)()

        setattr(protocol, inside, ending)
        _, _, peer = await connected_pair(protocol)
        peer.send(b"x")
        try:
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            assert inside == "connection_made"
        await protocol.lost
        await asyncio.sleep(0)
        assert protocol.told.count("lost") == 1
        peer.close()

    run(main())
