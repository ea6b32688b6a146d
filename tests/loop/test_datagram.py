"""The datagram transport: sending, receiving, flow control, errors and the end."""

import array
import asyncio
import contextvars
import errno
import logging
import socket
import sys

import pytest
from datagrams import LOCAL, Recorder, end, endpoint, name, unix_pair
from peers import descriptors, until


def test_it_is_a_datagram_transport(run):
    async def main():
        transport, protocol = await endpoint(local_addr=LOCAL)
        assert isinstance(transport, asyncio.DatagramTransport)
        assert isinstance(transport, asyncio.Transport)
        assert transport.get_protocol() is protocol
        assert protocol.told == ["made"]
        assert transport.get_extra_info("peername") is None
        assert transport.get_extra_info("nothing", 5) == 5
        sock = transport.get_extra_info("socket")
        assert isinstance(sock, asyncio.trsock.TransportSocket)
        assert sock.getsockname() == name(transport)
        assert f"fd={sock.fileno()}" in repr(transport)
        assert transport.get_write_buffer_size() == 0
        assert not transport.is_closing()
        await end(transport)
        assert "closed" in repr(transport)
        assert transport.is_closing()
        assert transport.get_extra_info("sockname")[0] == "127.0.0.1"

    run(main())


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_datagrams_go_both_ways(run, host, family):
    async def main():
        server, at_server = await endpoint(local_addr=(host, 0), family=family)
        client, at_client = await endpoint(remote_addr=name(server)[:2])
        assert client.get_extra_info("peername") == name(server)
        client.sendto(b"one")
        client.sendto(bytearray(b"two"), name(server))
        client.sendto(memoryview(b"three"))
        await until(lambda: len(at_server.datagrams) == 3)
        assert at_server.datagrams == [(data, name(client)) for data in (b"one", b"two", b"three")]
        server.sendto(b"to whom it came from", at_server.datagrams[0][1])
        # Equal, but another object: packed anew.
        server.sendto(b"equal", (*name(client),))
        server.sendto(b"short", name(client)[:2])
        await until(lambda: len(at_client.datagrams) == 3)
        assert at_client.datagrams == [
            (data, name(server)) for data in (b"to whom it came from", b"equal", b"short")
        ]
        await end(server, client)

    run(main())


@pytest.mark.parametrize("host", ["localhost", ""])
def test_names_are_left_to_the_socket_module(run, host):
    async def main():
        server, at_server = await endpoint(local_addr=LOCAL)
        client, _ = await endpoint(family=socket.AF_INET)
        client.sendto(b"x", (host, name(server)[1]))
        await until(lambda: at_server.datagrams)
        await end(server, client)

    run(main())


@pytest.mark.parametrize("address", [
    ("127.0.0.1", 65536), ("127.0.0.1", -1), ("127.0.0.1",), (b"127.0.0.1", "x"), ("127.0.0.1\0", 9), None,
])
def test_a_wrong_address_ends_the_transport(loop, run, address):
    async def main():
        transport, protocol = await endpoint(local_addr=LOCAL)
        transport.sendto(b"x", address)
        assert isinstance(await protocol.lost, (TypeError, OverflowError, ValueError))
        (report,) = loop.reports
        assert report["transport"] is transport
        loop.reports.clear()

    run(main())


def test_many_are_received_in_order(run):
    async def main():
        server, at_server = await endpoint(local_addr=LOCAL)
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.connect(name(server))
        with peer:
            for number in range(100):
                peer.send(b"%d" % number)
            await until(lambda: len(at_server.datagrams) == 100)
            assert [data for data, _ in at_server.datagrams] == [b"%d" % number for number in range(100)]
        await end(server)

    run(main())


def test_a_flood_leaves_others_their_turn(loop, run):
    async def main():
        server, at_server = await endpoint(local_addr=LOCAL)
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.connect(name(server))
        with peer:
            for _ in range(100):
                peer.send(b"x")
            counts = []
            while len(at_server.datagrams) < 100:
                await asyncio.sleep(0)
                counts.append(len(at_server.datagrams))
        assert max(b - a for a, b in zip([0, *counts], counts, strict=False)) <= 16
        await end(server)

    run(main())


@pytest.mark.parametrize("size", [0, 1, 65507])
def test_a_datagram_of_any_size_is_received(run, size):
    async def main():
        server, at_server = await endpoint(local_addr=LOCAL)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"x" * size, name(server))
            await until(lambda: at_server.datagrams)
            assert at_server.datagrams == [(b"x" * size, ("127.0.0.1", peer.getsockname()[1]))]
        await end(server)

    run(main())


def test_a_large_unix_datagram_is_whole(run):
    async def main():
        ours, peer = unix_pair()
        transport, protocol = await endpoint(sock=ours)
        peer.send(b"x" * 150_000)
        await until(lambda: protocol.datagrams)
        assert protocol.datagrams == [(b"x" * 150_000, None)]
        transport.sendto(b"y" * 150_000)
        assert len(peer.recv(200_000)) == 150_000
        peer.close()
        await end(transport)

    run(main())


def test_empty_datagrams_are_sent_where_asyncio_sends_them(run):
    async def main():
        ours, peer = unix_pair()
        transport, _ = await endpoint(sock=ours)
        transport.sendto(b"")
        transport.sendto(b"end")
        assert peer.recv(10) == (b"" if sys.version_info >= (3, 13) else b"end")
        peer.close()
        await end(transport)

    run(main())


@pytest.mark.parametrize("data", ["text", None, [1], array.array("b", b"x")])
def test_only_bytes_are_sent(run, data):
    async def main():
        transport, _ = await endpoint(local_addr=LOCAL)
        with pytest.raises(TypeError, match="data argument must be a bytes-like object, not"):
            transport.sendto(data, ("127.0.0.1", 9))
        await end(transport)

    run(main())


def test_another_address_than_the_one_connected_to_is_refused(run):
    async def main():
        server, _ = await endpoint(local_addr=LOCAL)
        client, _ = await endpoint(remote_addr=name(server))
        with pytest.raises(ValueError, match=r"Invalid address: must be None or \('127.0.0.1'"):
            client.sendto(b"x", ("127.0.0.1", 1))
        await end(server, client)

    run(main())


# Errors, flow control and the end.


def test_a_refused_datagram_is_an_error_and_no_end(run):
    async def main():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(LOCAL)
            address = peer.getsockname()
        client, protocol = await endpoint(remote_addr=address)
        client.sendto(b"x")
        await until(lambda: protocol.errors)
        assert [type(error) for error in protocol.errors] == [ConnectionRefusedError]
        assert not client.is_closing()
        await end(client)

    run(main())


def test_a_datagram_that_is_too_long_is_an_error(run):
    async def main():
        transport, protocol = await endpoint(local_addr=LOCAL)
        transport.sendto(bytes(70_000), ("127.0.0.1", 9))
        assert [error.errno for error in protocol.errors] == [errno.EMSGSIZE]
        await end(transport)

    run(main())


def test_what_the_kernel_does_not_take_is_queued(run):
    async def main():
        ours, peer = unix_pair()
        transport, protocol = await endpoint(sock=ours)
        transport.set_write_buffer_limits(high=3000)
        assert transport.get_write_buffer_limits() == (750, 3000)
        header = 8 if sys.version_info >= (3, 13) else 0
        sent = 0
        while transport.get_write_buffer_size() == 0:
            transport.sendto(b"%06d" % sent + bytes(994))
            sent += 1
        assert transport.get_write_buffer_size() == 1000 + header
        data = bytearray(1000)
        while protocol.told == ["made"]:
            data[:6] = b"%06d" % sent
            transport.sendto(data)
            sent += 1
        assert protocol.told == ["made", "pause"]
        transport.close()
        got = []
        peer.setblocking(False)
        while len(got) < sent:
            try:
                got.append(int(peer.recv(2000)[:6]))
            except BlockingIOError:
                await asyncio.sleep(0.001)
        assert got == list(range(sent))
        assert await protocol.lost is None
        assert protocol.told == ["made", "pause", "resume", "lost"]
        assert transport.get_write_buffer_size() == 0
        peer.close()

    run(main())


def test_abort_drops_what_is_queued(run):
    async def main():
        ours, peer = unix_pair()
        transport, protocol = await endpoint(sock=ours)
        while transport.get_write_buffer_size() == 0:
            transport.sendto(bytes(1000))
        transport.abort()
        transport.abort()
        transport.close()
        assert transport.get_write_buffer_size() == 0
        assert await protocol.lost is None
        assert protocol.told == ["made", "lost"]
        peer.close()

    run(main())


def test_sending_after_the_end_is_told_to_the_log(run, caplog):
    async def main():
        transport, protocol = await endpoint(local_addr=LOCAL)
        await end(transport)
        with caplog.at_level(logging.WARNING, "asyncio"):
            for _ in range(6):
                transport.sendto(b"x", ("127.0.0.1", 9))
        assert [record.message for record in caplog.records] == ["socket.send() raised exception."] * 2
        assert protocol.errors == []

    run(main())


def test_a_callback_that_raises_is_reported_and_the_rest_goes_on(loop, run):
    class Failing(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            raise ValueError("made")

        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            raise ValueError("datagram")

        def error_received(self, exc):
            raise ValueError("error")

    async def main():
        server, at_server = await endpoint(Failing, local_addr=LOCAL)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"1", name(server))
            peer.sendto(b"2", name(server))
            await until(lambda: len(at_server.datagrams) == 2)
        server.sendto(bytes(70_000), ("127.0.0.1", 9))
        assert [str(report["exception"]) for report in loop.reports] == ["made", *["datagram"] * 2, "error"]
        assert all(report["transport"] is server for report in loop.reports)
        assert all(report["protocol"] is at_server for report in loop.reports)
        loop.reports.clear()
        await end(server)

    run(main())


def test_callbacks_share_one_context(run):
    variable = contextvars.ContextVar("variable", default=0)

    class Counting(Recorder):
        def datagram_received(self, data, addr):
            variable.set(variable.get() + 1)
            self.datagrams.append(variable.get())

    async def main():
        server, at_server = await endpoint(Counting, local_addr=LOCAL)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for _ in range(3):
                peer.sendto(b"x", name(server))
        await until(lambda: len(at_server.datagrams) == 3)
        assert at_server.datagrams == [1, 2, 3]
        assert variable.get() == 0
        await end(server)

    run(main())


def test_nothing_is_received_while_reading_is_paused(run):
    class Pausing(Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            self.transport.pause_reading()

    async def main():
        server, at_server = await endpoint(Pausing, local_addr=LOCAL)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for number in range(10):
                peer.sendto(b"%d" % number, name(server))
        for number in range(10):
            await until(lambda: len(at_server.datagrams) > number)  # noqa: B023 - awaited at once
            await asyncio.sleep(0.002)
            assert [data for data, _ in at_server.datagrams] == [b"%d" % n for n in range(number + 1)]
            assert not server.is_reading()
            server.resume_reading()
        await end(server)

    run(main())


def test_nothing_is_received_after_close(run):
    class Closing(Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            self.transport.close()

    async def main():
        server, at_server = await endpoint(Closing, local_addr=LOCAL)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"1", name(server))
            peer.sendto(b"2", name(server))
        assert await at_server.lost is None
        assert len(at_server.datagrams) == 1

    run(main())


def test_a_transport_that_is_dropped_open_is_warned_of(run):
    async def main():
        before = descriptors()
        transport, protocol = await endpoint(local_addr=LOCAL)
        transport.pause_reading()
        del transport
        with pytest.warns(ResourceWarning, match="unclosed transport <Datagram open"):
            del protocol.transport
        assert descriptors() == before

    run(main())
