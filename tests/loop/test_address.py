"""Addresses of many peers: each is answered at its own, remembered or not."""

import socket

import pytest
from datagrams import end, endpoint, name
from peers import until


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_each_of_more_peers_than_are_remembered_is_answered(run, host, family):
    async def main():
        server, protocol = await endpoint(local_addr=(host, 0))
        peers = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(150)]
        for number, peer in enumerate(peers):
            peer.settimeout(10)
            peer.bind((host, 0))
            peer.sendto(b"%d" % number, name(server))
            await until(lambda number=number: len(protocol.datagrams) > number)
        assert [address for _, address in protocol.datagrams] == [peer.getsockname() for peer in peers]
        for data, address in reversed(protocol.datagrams):
            server.sendto(data, address)
        for number, peer in enumerate(peers):
            assert peer.recv(100) == b"%d" % number
            peer.close()
        await end(server)

    run(main())


def test_a_peer_heard_from_twice_has_one_address(run):
    async def main():
        server, protocol = await endpoint(local_addr=("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for _ in range(2):
                peer.sendto(b"x", name(server))
            await until(lambda: len(protocol.datagrams) == 2)
        (_, first), (_, second) = protocol.datagrams
        assert first is second
        # One that only looks the same is as good.
        server.sendto(b"y", (first[0], first[1]))
        await end(server)

    run(main())
