"""TLS connections: beginnings, certificates, what is known of them, and what callbacks may do."""

import asyncio
import contextlib
import contextvars
import gc
import logging
import socket
import ssl
import tempfile
import weakref

import pytest
from peers import Recorder, descriptors, in_thread, reset, tcp_pair, until
from tls_peers import contexts, make_certificate, pair, served

from fastloop._core.tls import TLSSession


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return contexts(make_certificate(tmp_path_factory.mktemp("tls")))


class Echo(Recorder):
    def data_received(self, data):
        self.transport.write(data)


# What is known of a connection.


def test_the_session_is_known_of(run, tls):
    async def main():
        async with pair(tls) as (client, server):
            transport = client.transport
            assert transport.get_extra_info("peercert")["subject"] == ((("commonName", "localhost"),),)
            assert server.transport.get_extra_info("peercert") is None
            assert transport.get_extra_info("sslcontext") is tls.client
            assert transport.get_extra_info("compression") is None
            session = transport.get_extra_info("ssl_object")
            assert session.version() == "TLSv1.3"
            assert transport.get_extra_info("cipher") == session.cipher()
            assert transport.get_extra_info("peername") == server.transport.get_extra_info("sockname")
            assert transport.get_extra_info("socket").getsockname() == transport.get_extra_info("sockname")
            assert transport.get_extra_info("nothing", "else") == "else"
            assert isinstance(transport, asyncio.Transport)
            assert "open over <Stream" in repr(transport)
        assert transport.get_extra_info("cipher") is not None
        assert transport.get_extra_info("peername") is None

    run(main())


def test_a_lost_connection_is_known_of_to_who_is_told(run, tls):
    class Asking(Recorder):
        def connection_lost(self, exc):
            super().connection_lost(exc)
            self.told.append(self.transport.get_extra_info("peername"))

    async def main():
        async with pair(tls, client=Asking) as (client, server):
            client.transport.abort()
            await client.lost
            assert client.told[-1] == server.transport.get_extra_info("sockname")

    run(main())


def test_unix_sockets_carry_tls(run, tls):
    async def main():
        with tempfile.TemporaryDirectory() as directory:
            async with pair(tls, server=Echo, path=f"{directory}/socket") as (client, _):
                client.transport.write(b"x" * 100_000)
                await until(lambda: len(client.data) == 100_000)

    run(main())


# Handshakes that fail.


def test_an_untrusted_certificate_fails_both_sides(run, loop, tls):
    async def main():
        async with served(tls, Recorder) as (_, connect, accepted):
            with pytest.raises(ssl.SSLCertVerificationError, match=r"self.signed"):
                await connect(context=tls.distrustful)
            await until(lambda: accepted)
            await asyncio.sleep(0.01)
            # The client's alert ends the server's handshake: its protocol hears of neither.
            assert accepted[0].told == []

    run(main())


def test_a_wrong_name_fails(run, tls):
    async def main():
        async with served(tls, Recorder) as (_, connect, _):
            with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
                await connect(server_hostname="example.org")

    run(main())


def test_a_server_may_demand_a_certificate(run, tls):
    async def main():
        async with served(tls, Recorder, context=tls.demanding) as (_, connect, accepted):
            # In TLS 1.3 the client is done before the server has refused.
            _, client = await connect()
            assert isinstance(await client.lost, ssl.SSLError)
            assert accepted[0].told == []

    run(main())


def test_a_silent_server_is_given_up_after_the_timeout(run, loop, tls):
    async def main():
        ours, peer = tcp_pair()
        with peer, pytest.raises(ConnectionAbortedError, match=r"longer than 0\.05 seconds"):
            await loop.create_connection(
                Recorder, sock=ours, ssl=tls.client, server_hostname="localhost", ssl_handshake_timeout=0.05)

    run(main())


def test_a_silent_client_is_given_up_after_the_timeout(run, tls):
    async def main():
        async with served(tls, Recorder, ssl_handshake_timeout=0.05) as (server, _, accepted):
            address = server.sockets[0].getsockname()
            with await in_thread(socket.create_connection, address) as peer:
                peer.settimeout(20)
                assert await in_thread(peer.recv, 1) == b""
            assert accepted[0].told == []

    run(main())


@pytest.mark.parametrize("name", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
@pytest.mark.parametrize("value", [0, -1.5])
def test_timeouts_are_positive(run, loop, tls, name, value):
    async def main():
        with pytest.raises(ValueError, match=f"{name} should be a positive number, got {value}"):
            await loop.create_connection(Recorder, "127.0.0.1", 1, ssl=tls.client, **{name: value})
        with pytest.raises(ValueError, match=name):
            await loop.create_server(Recorder, "127.0.0.1", 0, ssl=tls.server, **{name: value})

    run(main())


def test_a_peer_that_speaks_no_tls_fails_the_handshake(run, loop, tls):
    async def main():
        ours, peer = tcp_pair()
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with peer, pytest.raises(ssl.SSLError):
            await loop.create_connection(Recorder, sock=ours, ssl=tls.client, server_hostname="localhost")

    run(main())


@pytest.mark.parametrize("end", [socket.socket.close, reset])
def test_a_peer_that_leaves_fails_the_handshake(run, loop, tls, end):
    async def main():
        ours, peer = tcp_pair()
        end(peer)
        with pytest.raises(ConnectionError):
            await loop.create_connection(Recorder, sock=ours, ssl=tls.client, server_hostname="localhost")

    run(main())


def test_a_connection_closed_during_the_handshake_is_no_result(run, loop, tls):
    async def main():
        ours, peer = tcp_pair()
        with peer:
            plain, _ = await loop.create_connection(Recorder, sock=ours)
            upgrading = asyncio.ensure_future(
                loop.start_tls(plain, plain.get_protocol(), tls.client, server_hostname="localhost"))
            await asyncio.sleep(0.01)
            plain.abort()
            with pytest.raises(ConnectionAbortedError, match="during the TLS handshake"):
                await upgrading

    run(main())


def test_a_failed_handshake_leaves_no_cycles(run, loop, tls):
    async def main():
        async with served(tls, Recorder) as (server, connect, _):
            address = server.sockets[0].getsockname()
            plain, protocol = await loop.create_connection(asyncio.Protocol, *address)
            remains = weakref.ref(plain)
            # pytest.raises() makes a cycle of its own.
            try:
                await loop.start_tls(plain, protocol, tls.distrustful, server_hostname="localhost")
            except ssl.SSLCertVerificationError:
                del plain, protocol
            # What has woken us holds the future that failed.
            await asyncio.sleep(0)
            assert remains() is None
            seen = []

            class Seen(Recorder):
                def __init__(self):
                    super().__init__()
                    seen.append(weakref.ref(self))

            def transports():
                kinds = {"Stream", "TLSSession", "TLSTransport"}
                return sum(type(what).__name__ in kinds for what in gc.get_objects())

            before = transports()
            with contextlib.suppress(ssl.SSLCertVerificationError):
                await connect(Seen, tls.distrustful)
            await asyncio.sleep(0)
            assert [protocol() for protocol in seen] == [None]
            # The server's ends go when the alert has arrived.
            await until(lambda: transports() <= before)

    gc.collect()
    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


@pytest.mark.slow
def test_aborted_handshakes_leave_nothing(run, tls):
    def remains():
        gc.collect()
        sessions = sum(type(thing) is TLSSession for thing in gc.get_objects())
        return descriptors(), sessions, len(gc.get_objects())

    async def main():
        async with served(tls, Recorder) as (server, connect, accepted):
            address = server.sockets[0].getsockname()

            async def abort(turn):
                if turn % 2:
                    with pytest.raises(ssl.SSLCertVerificationError):
                        await connect(context=tls.distrustful)
                else:
                    with socket.create_connection(address) as peer:
                        peer.send(b"\x16\x03\x01" if turn % 4 else b"no TLS at all")
                        await asyncio.sleep(0)

            for turn in range(20):
                await abort(turn)
            await until(lambda: not server._transports)
            accepted.clear()
            before = remains()
            for turn in range(1000):
                await abort(turn)
            await until(lambda: not server._transports)
            accepted.clear()
            after = remains()
            assert after[:2] == before[:2]
            assert after[2] < before[2] + 200

    run(main())


# Callbacks.


def test_what_callbacks_write_arrives(run, tls):
    class Greeting(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"made ")

        def data_received(self, data):
            super().data_received(data)
            self.transport.write(b"data ")

        def eof_received(self):
            super().eof_received()
            self.transport.write(b"eof")

    async def main():
        async with pair(tls, server=Greeting) as (client, server):
            client.transport.write(b"hello")
            await until(lambda: client.data == b"made data ")
            client.transport.close()
            assert await server.lost is None
            assert server.told == ["made", "eof", "lost"]

    run(main())


@pytest.mark.parametrize("end", ["close", "abort"])
@pytest.mark.parametrize("where", ["connection_made", "data_received", "eof_received", "pause_writing"])
def test_any_callback_may_end_the_connection(run, tls, where, end):
    def make():
        protocol = Recorder()
        told = getattr(protocol, where)

        def callback(*args):
            told(*args)
            getattr(protocol.transport, end)()
            protocol.transport.write(b"dropped")

        setattr(protocol, where, callback)
        return protocol

    async def main():
        async with pair(tls, server=make) as (client, server):
            client.transport.write(b"x" * 100_000)
            if where == "pause_writing":
                client.transport.pause_reading()
                # The first fills the transport below, the second ours.
                server.transport.write(b"y" * 10_000_000)
                server.transport.write(b"y" * 10_000_000)
                client.transport.resume_reading()
            elif where == "eof_received":
                client.transport.close()
            assert await server.lost is None
            await client.lost
            assert server.told.count("lost") == 1
            assert server.transport.is_closing()
            assert b"dropped" not in client.data
            server.transport.close()
            server.transport.abort()

    run(main())


def test_a_client_that_ends_the_connection_as_it_is_made_gets_its_transport_all_the_same(run, tls):
    class Brief(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.abort()

    async def main():
        async with served(tls, Recorder) as (_, connect, _):
            transport, protocol = await connect(Brief)
            assert transport is protocol.transport
            assert transport.is_closing()
            assert await protocol.lost is None

    run(main())


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
def test_an_error_in_a_callback_ends_the_connection_and_is_reported(run, loop, tls, error):
    class Failing(Recorder):
        def data_received(self, data):
            raise error

    async def main():
        async with pair(tls, server=Failing) as (client, server):
            client.transport.write(b"x")
            assert isinstance(await server.lost, error)
            assert [type(report["exception"]) for report in loop.reports] == [error]
            loop.reports.clear()

    run(main())


def test_callbacks_run_in_the_context_the_connection_was_made_in(run, tls):
    where = contextvars.ContextVar("where", default="nowhere")
    seen = []

    class Seeing(Recorder):
        def __getattribute__(self, name):
            if name.endswith(("_made", "_received", "_lost")):
                seen.append((name, where.get()))
            return super().__getattribute__(name)

    async def main():
        where.set("server")
        async with served(tls, Seeing) as (_, connect, _):
            where.set("client")
            transport, client = await connect(Seeing)
            where.set("elsewhere")
            transport.write(b"x")
            await asyncio.sleep(0.01)
            transport.pause_reading()
            transport.resume_reading()
            transport.close()
            await client.lost
            await asyncio.sleep(0.01)
        assert {name for name, _ in seen} == {
            "connection_made", "data_received", "eof_received", "connection_lost"}
        assert {value for _, value in seen} == {"server", "client"}

    run(main())


def test_writes_to_a_closed_connection_are_dropped_and_logged(run, tls, caplog):
    async def main():
        async with pair(tls) as (client, _):
            transport = client.transport
            transport.close()
            with caplog.at_level(logging.WARNING, "asyncio"):
                for _ in range(10):
                    transport.write(b"x")
            assert "SSL connection is closed" in caplog.text
            await client.lost
            transport.write(b"x")

    run(main())
