"""The epoll set, through what watches descriptors in it."""

import asyncio
import os
import socket

import pytest
from peers import Recorder, connect, connected_pair, tcp_pair, until


@pytest.fixture
def pairs():
    made = [socket.socketpair() for _ in range(8)]
    for pair in made:
        for sock in pair:
            sock.setblocking(False)
    yield made
    for pair in made:
        for sock in pair:
            sock.close()


def turns(loop, count=3):
    async def main():
        for _ in range(count):
            await asyncio.sleep(0.001)

    loop.run_until_complete(main())


def test_a_reader_removed_by_an_earlier_callback_of_the_batch_is_not_called(loop, pairs):
    seen = []

    def only(number):
        seen.append(number)
        for ours, _ in pairs:
            loop.remove_reader(ours)

    for number, (ours, theirs) in enumerate(pairs):
        loop.add_reader(ours, only, number)
        theirs.send(b"x")
    turns(loop)
    assert len(seen) == 1


def test_a_transport_aborted_by_an_earlier_one_of_the_batch_receives_nothing(loop, run):
    class Selfish(Recorder):
        def data_received(self, data):
            super().data_received(data)
            for other in protocols:
                if other is not self:
                    other.transport.abort()

    protocols = []

    async def main():
        peers = []
        for _ in range(10):
            _, protocol, peer = await connected_pair(Selfish())
            protocols.append(protocol)
            peers.append(peer)
        for peer in peers:
            peer.send(b"x")
        await asyncio.sleep(0.02)
        assert sum(len(protocol.data) for protocol in protocols) == 1
        for protocol, peer in zip(protocols, peers, strict=True):
            protocol.transport.abort()
            assert await protocol.lost is None
            peer.close()

    run(main())


def test_a_descriptor_closed_and_opened_again_in_one_batch_has_its_new_owner(loop, pairs):
    seen = []

    def swap():
        # Whichever is called first replaces the other one's descriptor by a fresh socket.
        if seen:
            return
        seen.append("swapped")
        for ours, _ in pairs[:2]:
            loop.remove_reader(ours)
        fd = pairs[1][0].fileno()
        fresh, peer = socket.socketpair()
        os.dup2(fresh.fileno(), fd)
        fresh.close()
        kept.append(peer)
        loop.add_reader(fd, seen.append, "new owner")

    kept = []
    for ours, theirs in pairs[:2]:
        loop.add_reader(ours, swap)
        theirs.send(b"x")
    turns(loop)
    assert seen == ["swapped"]
    kept[0].send(b"x")
    turns(loop, 1)
    assert "new owner" in seen
    loop.remove_reader(pairs[1][0])
    kept[0].close()


def test_more_ready_descriptors_than_a_batch_holds_are_all_served(loop):
    pairs = [socket.socketpair() for _ in range(400)]
    seen = set()

    def read(sock):
        sock.recv(10)
        seen.add(sock)

    for ours, theirs in pairs:
        loop.add_reader(ours, read, ours)
        theirs.send(b"x")
    turns(loop, 4)
    assert len(seen) == 400
    for ours, theirs in pairs:
        loop.remove_reader(ours)
        ours.close()
        theirs.close()


def test_a_descriptor_closed_before_it_is_removed_and_alive_in_a_duplicate_is_harmless(loop):
    # The kernel goes on reporting what nobody can take out of the set any more.
    for _ in range(100):
        ours, theirs = socket.socketpair()
        loop.add_reader(ours, pytest.fail, "called")
        number = ours.fileno()
        duplicate = ours.dup()
        ours.close()
        assert loop.remove_reader(number)
        theirs.send(b"x")
        turns(loop)
        duplicate.close()
        theirs.close()


def test_many_descriptors_closed_before_they_are_removed_do_not_add_up(loop, run):
    async def main():
        transport, protocol, peer = await connected_pair()
        for _ in range(500):
            ours, theirs = socket.socketpair()
            loop.add_reader(ours, pytest.fail, "called")
            number = ours.fileno()
            ours.close()
            assert loop.remove_reader(number)
            theirs.close()
        # The others are still watched.
        peer.send(b"hello")
        await until(lambda: protocol.data == b"hello")
        loop.call_soon_threadsafe(int)
        transport.close()
        await protocol.lost
        peer.close()

    run(main())


def test_a_transport_takes_over_the_number_of_a_socket_that_was_closed_while_watched(loop, run):
    async def main():
        for _ in range(100):
            ours, theirs = socket.socketpair()
            loop.add_reader(ours, pytest.fail, "called")
            number = ours.fileno()
            duplicate = ours.dup()
            sock, peer = tcp_pair()
            os.dup2(sock.fileno(), number)
            sock.close()
            ours.detach()
            protocol = Recorder()
            transport = await connect(protocol, socket.socket(fileno=number))
            transport.get_extra_info("socket").setblocking(False)
            theirs.send(b"x")
            peer.send(b"hello")
            await until(lambda: protocol.data == b"hello")  # noqa: B023
            transport.close()
            await protocol.lost
            for sock in (duplicate, theirs, peer):
                sock.close()

    run(main())


def test_a_descriptor_that_epoll_cannot_watch_is_refused(loop, tmp_path):
    with open(tmp_path / "plain", "w+b") as file:
        with pytest.raises(PermissionError):
            loop.add_reader(file, print)
        assert not loop.remove_reader(file)


def test_an_error_in_one_batch_leaves_the_rest_for_the_next(loop, pairs):
    class Interrupts(asyncio.Protocol):
        def data_received(self, data):
            seen.append(data)
            raise KeyboardInterrupt

    seen = []
    for ours, _ in pairs:
        loop.run_until_complete(loop.create_connection(Interrupts, sock=ours))
    for _, theirs in pairs:
        theirs.send(b"x")
    for _ in pairs:
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
    assert seen == [b"x"] * len(pairs)
    for _, theirs in pairs:
        theirs.close()
    turns(loop)
    assert all(ours.fileno() == -1 for ours, _ in pairs)
