"""What a stream sends at once, and what waits for the end of the turn."""

import asyncio

import pytest
from peers import connected_pair


def arrived(peer):
    """Return what has arrived at the peer, in one recv; b"" for nothing yet."""
    peer.setblocking(False)
    try:
        return peer.recv(1 << 20)
    except BlockingIOError:
        return b""


# How a turn may write three pieces.
WRITES = {
    "write": lambda transport: [transport.write(piece) for piece in (b"1", b"22", b"333")],
    "bytearrays": lambda transport: [transport.write(bytearray(piece)) for piece in (b"1", b"22", b"333")],
    "writelines": lambda transport: [transport.writelines([piece]) for piece in (b"1", b"22", b"333")],
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_the_first_write_of_a_turn_is_sent_at_once_and_the_others_together(run, write):
    async def main():
        transport, protocol, peer = await connected_pair()
        write(transport)
        assert arrived(peer) == b"1"
        assert arrived(peer) == b""
        assert transport.get_write_buffer_size() == 5
        await asyncio.sleep(0)
        assert arrived(peer) == b"22333"
        assert transport.get_write_buffer_size() == 0
        transport.abort()
        await protocol.lost
        peer.close()

    run(main())


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_who_writes_often_in_a_turn_is_expected_to_do_so_in_the_next(run, write):
    async def main():
        transport, protocol, peer = await connected_pair()
        for turn in range(3):
            write(transport)
            assert arrived(peer) == (b"" if turn else b"1")
            await asyncio.sleep(0)
            assert arrived(peer) == (b"122333" if turn else b"22333")
        # Until a turn has one write only: that has waited in vain, and the next does not.
        transport.write(b"a")
        assert arrived(peer) == b""
        await asyncio.sleep(0)
        assert arrived(peer) == b"a"
        transport.write(b"b")
        assert arrived(peer) == b"b"
        transport.abort()
        await protocol.lost
        peer.close()

    run(main())


def test_a_connection_is_held_for_its_own_writes_only(run):
    async def main():
        first, first_protocol, first_peer = await connected_pair()
        second, second_protocol, second_peer = await connected_pair()
        first.write(b"1")
        second.write(b"2")
        assert (arrived(first_peer), arrived(second_peer)) == (b"1", b"2")
        first.abort()
        second.abort()
        await first_protocol.lost
        await second_protocol.lost
        first_peer.close()
        second_peer.close()

    run(main())


def test_large_writes_do_not_wait(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.write(b"1")
        transport.write(bytes(60_000))
        assert arrived(peer) == b"1"
        transport.write(bytes(6_000))
        assert transport.get_write_buffer_size() == 0
        assert "pause" not in protocol.told
        transport.abort()
        await protocol.lost
        peer.close()

    run(main())


@pytest.mark.parametrize("high", [0, 1, 100])
def test_nobody_is_paused_for_what_the_kernel_takes(run, high):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.set_write_buffer_limits(high=high)
        for _ in range(100):
            transport.write(b"xyz")
        await asyncio.sleep(0)
        assert protocol.told == ["made"]
        transport.abort()
        await protocol.lost
        peer.close()

    run(main())


@pytest.mark.parametrize("end", ["close", "abort", "write_eof"])
def test_what_waits_is_sent_before_the_end(run, end):
    async def main():
        transport, protocol, peer = await connected_pair()
        transport.write(b"1")
        transport.write(b"2")
        getattr(transport, end)()
        assert arrived(peer) == b"12"
        transport.abort()
        await protocol.lost
        peer.settimeout(20)
        assert peer.recv(1) == b""
        peer.close()

    run(main())


def test_what_waits_is_sent_by_the_last_turn(loop):
    transport, protocol, peer = loop.run_until_complete(connected_pair())

    async def write():
        transport.write(b"1")
        transport.write(b"2")

    loop.run_until_complete(write())
    assert arrived(peer) == b"12"
    transport.abort()
    loop.run_until_complete(protocol.lost)
    peer.close()


def test_nothing_waits_where_no_turn_will_end(loop):
    transport, protocol, peer = loop.run_until_complete(connected_pair())
    transport.write(b"1")
    transport.write(b"2")
    assert arrived(peer) == b"12"
    assert transport.get_write_buffer_size() == 0
    transport.abort()
    loop.run_until_complete(protocol.lost)
    peer.close()


def test_what_waits_survives_an_exception_that_leaves_the_loop(loop):
    transport, protocol, peer = loop.run_until_complete(connected_pair())

    def interrupted():
        transport.write(b"1")
        transport.write(b"2")
        raise KeyboardInterrupt

    loop.call_soon(interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    loop.run_until_complete(asyncio.sleep(0))
    assert arrived(peer) == b"12"
    transport.abort()
    loop.run_until_complete(protocol.lost)
    peer.close()


def test_the_peer_that_has_gone_is_found_out_at_the_end_of_the_turn(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        peer.close()
        transport.write(b"1")
        transport.write(b"2")
        transport.write(b"3")
        await protocol.lost
        assert protocol.told[-1] == "lost"

    run(main())


def test_writes_of_a_sender_that_is_full_go_on_in_order(run):
    async def main():
        transport, protocol, peer = await connected_pair()
        sent = bytearray()
        for number in range(3000):
            piece = bytes([number % 251]) * 5000
            transport.write(piece)
            sent += piece
        got = bytearray()
        while len(got) < len(sent):
            got += arrived(peer)
            await asyncio.sleep(0)
        assert got == sent
        transport.abort()
        await protocol.lost
        peer.close()

    run(main())
