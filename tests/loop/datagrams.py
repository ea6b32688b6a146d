"""The ends of datagram sockets: endpoints of the loop, and what notes what they are told."""

import asyncio
import socket

LOCAL = ("127.0.0.1", 0)


class Recorder(asyncio.DatagramProtocol):
    """Notes what it is told, by name and in order."""

    def __init__(self):
        self.told = []
        self.datagrams = []
        self.errors = []
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.told.append("made")
        self.transport = transport

    def datagram_received(self, data, addr):
        assert type(data) is bytes
        self.datagrams.append((data, addr))

    def error_received(self, exc):
        self.errors.append(exc)

    def pause_writing(self):
        self.told.append("pause")

    def resume_writing(self):
        self.told.append("resume")

    def connection_lost(self, exc):
        self.told.append("lost")
        # A second one is an InvalidStateError.
        self.lost.set_result(exc)


async def endpoint(protocol=Recorder, **options):
    """Make an endpoint; return its transport and protocol."""
    return await asyncio.get_running_loop().create_datagram_endpoint(protocol, **options)


def name(transport):
    return transport.get_extra_info("sockname")


async def end(*transports):
    """Close them and let their protocols know."""
    for transport in transports:
        transport.close()
    for transport in transports:
        if transport.get_protocol() is not None:
            assert await transport.get_protocol().lost is None


def unix_pair(size=None):
    """Return two connected, nameless Unix datagram sockets; size: of the sending buffer of the first."""
    ours, peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    if size is not None:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
    peer.settimeout(20)
    return ours, peer
