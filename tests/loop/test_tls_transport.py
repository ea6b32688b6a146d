"""The transport over TLS: what is written arrives, whoever pauses, upgrades or ends the connection."""

import asyncio
import os
import socket
import ssl
import time

import pytest
from peers import Recorder, in_thread, tcp_pair, until
from tls_peers import Paused, contexts, facing_peer, facing_socket, make_certificate, pair, served

from fastloop_http import Router, Server, get


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return contexts(make_certificate(tmp_path_factory.mktemp("tls")))


class Echo(Recorder):
    def data_received(self, data):
        self.transport.write(data)


class Buffered(Recorder, asyncio.BufferedProtocol):
    """Reads into a small buffer of its own."""

    data_received = None

    def __init__(self):
        super().__init__()
        self.room = bytearray(1000)

    def get_buffer(self, sizehint):
        return self.room

    def buffer_updated(self, size):
        self.data += self.room[:size]


def read_all(sock):
    """Read until the peer's close_notify."""
    data = bytearray()
    while chunk := sock.recv(1 << 20):
        data += chunk
    return bytes(data)


# Data.


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def test_what_is_written_comes_back(run, tls, version):
    data = os.urandom(50_000_000)

    async def main():
        async with served(tls, Echo) as (_, connect, _):
            tls.client.maximum_version = version
            transport, client = await connect()
            assert transport.get_extra_info("ssl_object").version() == version.name.replace("_", ".")
            for start in range(0, len(data), 1_000_000):
                transport.write(data[start : start + 1_000_000])
                if client.told[-1] == "pause":
                    await until(lambda: client.told[-1] == "resume")
            await until(lambda: len(client.data) == len(data))
            assert client.data == data
            transport.close()
            assert await client.lost is None

    try:
        run(main())
    finally:
        tls.client.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_may_be_written(run, tls, kind):
    async def main():
        async with pair(tls) as (client, server):
            client.transport.write(kind(b"one "))
            client.transport.write(kind(b""))
            client.transport.writelines([kind(b"two "), kind(b"three")])
            await until(lambda: server.data == b"one two three")
            with pytest.raises(TypeError, match="bytes-like"):
                client.transport.write("text")

    run(main())


def test_buffered_protocols_are_read_into(run, tls):
    async def main():
        async with pair(tls, server=Buffered) as (client, server):
            data = os.urandom(300_000)
            client.transport.write(data)
            await until(lambda: len(server.data) == len(data))
            assert server.data == data

    run(main())


@pytest.mark.parametrize(("first", "then"), [(Recorder, Buffered), (Buffered, Recorder)])
def test_a_protocol_may_hand_over_to_another_kind_while_it_is_called(run, tls, first, then):
    class Handing(first):
        def hand_over(self):
            self.next = then()
            self.next.connection_made(self.transport)
            self.transport.set_protocol(self.next)

        if first is Recorder:
            def data_received(self, data):
                super().data_received(data)
                self.hand_over()
        else:
            def buffer_updated(self, size):
                super().buffer_updated(size)
                self.hand_over()

    async def main():
        async with pair(tls, server=Handing) as (client, server):
            data = os.urandom(1_000_000)
            client.transport.write(data)
            await until(lambda: hasattr(server, "next") and len(server.data + server.next.data) == len(data))
            assert server.data + server.next.data == data
            assert server.next.data
            client.transport.close()
            await server.next.lost

    run(main())


# Flow control.


def test_a_writer_waits_for_a_slow_peer(run, tls):
    async def main():
        async with pair(tls, server=Paused) as (client, server):
            transport = client.transport
            assert transport.get_write_buffer_limits() == (128 * 1024, 512 * 1024)
            transport.set_write_buffer_limits()
            assert transport.get_write_buffer_limits() == (128 * 1024, 512 * 1024)
            sent = 0
            while "pause" not in client.told:
                transport.write(b"x" * 100_000)
                sent += 100_000
                await asyncio.sleep(0)
            assert transport.get_write_buffer_size() > 512 * 1024
            server.transport.resume_reading()
            await until(lambda: client.told[-1] == "resume")
            await until(lambda: len(server.data) == sent)
            assert transport.get_write_buffer_size() == 0

    run(main())


def test_a_paused_reader_keeps_its_peer_waiting(run, tls):
    async def main():
        async with pair(tls, server=Paused) as (client, server):
            reading = server.transport
            assert not reading.is_reading()
            reading.set_read_buffer_limits(high=50_000, low=10_000)
            assert reading.get_read_buffer_limits() == (10_000, 50_000)
            client.transport.write(b"x" * 20_000_000)
            await until(lambda: reading.get_read_buffer_size() >= 50_000)
            await asyncio.sleep(0.05)
            # What one reception may have brought beyond the limit.
            assert reading.get_read_buffer_size() < 50_000 + 2 * 256 * 1024
            assert server.data == b""
            reading.resume_reading()
            await until(lambda: len(server.data) == 20_000_000)

    run(main())


@pytest.mark.parametrize("limits", [{"low": 10, "high": 5}, {"low": -1}])
def test_impossible_limits_are_refused(run, tls, limits):
    async def main():
        async with pair(tls) as (client, _):
            with pytest.raises(ValueError, match="must be >="):
                client.transport.set_read_buffer_limits(**limits)

    run(main())


# The end.


def test_there_is_no_half_close(run, tls):
    async def main():
        async with pair(tls) as (client, _):
            assert not client.transport.can_write_eof()
            with pytest.raises(NotImplementedError, match="half-close"):
                client.transport.write_eof()

    run(main())


def test_keeping_the_transport_open_at_the_end_of_input_has_no_effect(run, tls, caplog):
    async def main():
        async with pair(tls, server=lambda: Recorder(keep_open=True)) as (client, server):
            client.transport.close()
            assert await server.lost is None
            assert "no effect when using ssl" in caplog.text

    run(main())


def test_close_sends_what_is_queued_to_a_slow_peer(run, tls):
    async def main():
        client, peer = await facing_socket(tls, Recorder)
        client.transport.write(b"x" * 10_000_000)
        client.transport.close()
        await asyncio.sleep(0.05)
        with peer:
            assert len(await in_thread(read_all, peer)) == 10_000_000
            await in_thread(peer.unwrap)
        assert await client.lost is None

    run(main())


def test_what_is_queued_arrives_after_the_peer_has_ended_its_side(run, tls):
    async def main():
        client, peer = await facing_peer(tls, Recorder)
        with peer.sock:
            client.transport.write(b"x" * 10_000_000)
            peer.end()
            assert len(await in_thread(peer.read_all)) == 10_000_000
        assert await client.lost is None

    run(main())


def test_close_loses_nothing_to_a_peer_that_goes_on_writing(run, tls):
    async def main():
        client, peer = await facing_socket(tls, Recorder)
        client.transport.write(b"x" * 10_000_000)
        client.transport.close()
        with peer:
            peer.settimeout(20)
            await in_thread(peer.sendall, b"y" * 100_000)
            await asyncio.sleep(0.01)
            await in_thread(peer.sendall, b"y" * 100_000)
            assert len(await in_thread(read_all, peer)) == 10_000_000
            await in_thread(peer.unwrap)
        assert await client.lost is None
        assert client.data == b""

    run(main())


@pytest.mark.parametrize("with_notice", [True, False])
def test_a_paused_reader_gets_everything_that_came_before_the_end(run, tls, with_notice):
    async def main():
        client, peer = await facing_socket(tls, Paused)
        peer.sendall(b"x" * 200_000)
        if with_notice:
            client.transport.set_read_buffer_limits(high=10_000_000)
            unwrapping = asyncio.ensure_future(in_thread(peer.unwrap))
        else:
            peer.close()
        await asyncio.sleep(0.02)
        assert client.told == ["made"]
        # In two steps: it may pause again with the end already there.
        received = client.data_received

        def pause_again(data):
            received(data)
            if client.data_received is pause_again:
                client.data_received = received
                client.transport.set_protocol(client)
                client.transport.pause_reading()
                asyncio.get_running_loop().call_later(0.01, client.transport.resume_reading)

        client.data_received = pause_again
        client.transport.set_protocol(client)
        client.transport.resume_reading()
        assert await client.lost is None
        assert len(client.data) == 200_000
        assert client.told == ["made", "eof", "lost"]
        if with_notice:
            await unwrapping
            peer.close()

    run(main())


def test_closing_while_paused_after_the_peer_has_gone_ends_the_connection(run, tls):
    async def main():
        client, peer = await facing_socket(tls, Paused)
        peer.sendall(b"unread")
        peer.close()
        await asyncio.sleep(0.02)
        client.transport.close()
        assert await client.lost is None
        assert client.told[-1] == "lost"

    run(main())


def test_closing_while_the_peer_is_kept_waiting_ends_the_connection(run, tls):
    async def main():
        async with pair(tls, server=Paused) as (client, server):
            client.transport.write(b"x" * 5_000_000)
            await asyncio.sleep(0.02)
            server.transport.close()
            started = time.monotonic()
            assert await server.lost is None
            assert time.monotonic() - started < 5

    run(main())


@pytest.mark.parametrize("queued", [b"", b"x" * 20_000_000])
@pytest.mark.parametrize("gone", [False, True])
def test_a_peer_that_does_not_answer_the_close_is_given_up(run, tls, queued, gone):
    async def main():
        client, peer = await facing_socket(tls, Recorder, ssl_shutdown_timeout=0.05)
        with peer:
            client.transport.write(queued)
            client.transport.close()
            if gone and queued:
                # Ends its side below TLS.
                socket.socket.shutdown(peer, socket.SHUT_WR)
            assert isinstance(await client.lost, TimeoutError)

    run(main())


def test_abort_ends_at_once(run, tls):
    async def main():
        async with pair(tls) as (client, server):
            client.transport.write(b"x" * 20_000_000)
            client.transport.abort()
            assert client.transport.is_closing()
            assert await client.lost is None
            await server.lost
            assert len(server.data) < 20_000_000

    run(main())


def test_a_server_that_closes_its_clients_tells_them(run, tls):
    async def main():
        async with served(tls, Recorder) as (server, connect, accepted):
            _, client = await connect()
            await until(lambda: accepted[0].transport)
            accepted[0].transport.write(b"x" * 5_000_000)
            server.close()
            server.close_clients()
            assert await client.lost is None
            assert client.told[1:] == ["eof", "lost"]
            assert len(client.data) == 5_000_000
            await server.wait_closed()

    run(main())


# Upgrades.


class Upgrading(Recorder):
    """Answers "tls" with "go on", and becomes a server's side of TLS."""

    context = None
    upgrade = None

    def data_received(self, data):
        if self.upgrade is None:
            assert data == b"tls"
            self.transport.write(b"go on")
            loop = asyncio.get_running_loop()
            self.upgrade = asyncio.ensure_future(
                loop.start_tls(self.transport, self, self.context, server_side=True))
        else:
            self.upgrade.add_done_callback(lambda upgrade: upgrade.result().write(data))


@pytest.mark.parametrize("under_tls", [False, True])
def test_both_sides_may_start_tls(run, loop, tls, under_tls):
    class Serving(Upgrading):
        context = tls.server

    async def main():
        options = {"ssl": tls.server} if under_tls else {}
        server = await loop.create_server(Serving, "127.0.0.1", 0, **options)
        options = {"ssl": tls.client, "server_hostname": "localhost"} if under_tls else {}
        lower, client = await loop.create_connection(Recorder, *server.sockets[0].getsockname(), **options)
        lower.write(b"tls")
        await until(lambda: client.data == b"go on")
        client.data.clear()
        transport = await loop.start_tls(lower, client, tls.client, server_hostname="localhost")
        assert transport is not lower
        assert transport.get_protocol() is client
        assert client.told == ["made"]
        data = os.urandom(1_000_000)
        transport.write(data)
        await until(lambda: len(client.data) == len(data))
        assert client.data == data
        transport.close()
        assert await client.lost is None
        server.close()
        await server.wait_closed()

    run(main())


def test_a_server_may_start_tls_when_a_reader_has_the_first_of_it(run, loop, tls):
    async def serve(reader, writer):
        await reader._wait_for_data("the client's hello")
        await writer.start_tls(tls.server)
        writer.write(await reader.readline())
        writer.close()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await writer.start_tls(tls.client, server_hostname="localhost")
            writer.write(b"hello\n")
            assert await reader.read() == b"hello\n"
            writer.close()

    run(main())


def test_only_transports_of_ours_and_real_contexts_start_tls(run, loop, tls):
    async def main():
        ours, peer = tcp_pair()
        with peer:
            transport, protocol = await loop.create_connection(Recorder, sock=ours)
            with pytest.raises(TypeError, match="SSLContext"):
                await loop.start_tls(transport, protocol, None)
            with pytest.raises(TypeError, match="not supported by start_tls"):
                await loop.start_tls(asyncio.Transport(), protocol, tls.client)
            transport.abort()
            await protocol.lost

    run(main())


def test_a_protocol_whose_upgrade_is_cut_short_is_told_of_the_loss(run, loop, tls):
    async def main():
        ours, peer = tcp_pair()
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        upgrading = asyncio.ensure_future(
            loop.start_tls(transport, protocol, tls.client, server_hostname="localhost"))
        await asyncio.sleep(0.01)
        transport.abort()
        with pytest.raises(ConnectionAbortedError):
            await upgrading
        await protocol.lost
        peer.close()

    run(main())


def test_closing_leaves_alone_what_another_transport_has_lent(run, tls):
    """A handler of pipelined requests is called from within the receive buffer, which TLS decrypts to."""
    async def main():
        async with pair(tls, client=Paused) as (client, server):
            server.transport.write(b"GET /wrong HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
            await until(lambda: client.transport.get_read_buffer_size() > 10_000)

            async def first():
                client.transport.resume_reading()
                client.transport.close()
                return "first"

            async def second():
                return "second"

            app = Router().route("/first", get(first)).route("/second", get(second))
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            serving = asyncio.ensure_future(Server(app).serve(f"127.0.0.1:{port}"))
            await asyncio.sleep(0)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            request = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"
            writer.write(request % b"first" + request % b"second")
            answers = await reader.readuntil(b"second")
            assert answers.count(b"200 OK") == 2
            writer.close()
            await writer.wait_closed()
            serving.cancel()
            await asyncio.wait([serving])

    run(main())
