"""Files over TLS: read and written, at the pace of flow control."""

import asyncio
import contextlib
import io
import os
import shutil
import ssl
import subprocess
import tempfile
from types import SimpleNamespace

import pytest
from peers import Recorder, until

DATA = os.urandom(1 << 20) + b"the end"


@contextlib.asynccontextmanager
async def tls_pair(certificate):
    """Yield (client's transport, its protocol, the server's protocol)."""
    loop = asyncio.get_running_loop()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    protocols = []

    def accepted():
        protocols.append(Recorder())
        return protocols[-1]

    server = await loop.create_server(accepted, "127.0.0.1", 0, ssl=serving)
    transport, protocol = await loop.create_connection(
        Recorder, *server.sockets[0].getsockname(), ssl=trusting, server_hostname="localhost"
    )
    await until(lambda: protocols and protocols[0].transport)
    try:
        yield transport, protocol, protocols[0]
    finally:
        for side in (transport, protocols[0].transport):
            side.abort()
        await asyncio.wait([protocol.lost, protocols[0].lost])
        server.close()
        await server.wait_closed()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """The path of a certificate for localhost, with its key."""
    if shutil.which("openssl") is None:  # pragma: no cover
        pytest.skip("needs the openssl command to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", path, "-out", f"{path}.crt"],
        check=True, capture_output=True,
    )
    with path.open("a") as both, open(f"{path}.crt") as made:
        both.write(made.read())
    return path


@pytest.mark.parametrize("make", [tempfile.TemporaryFile, io.BytesIO])
def test_over_tls_a_file_is_read_and_written(loop, run, certificate, make):
    async def main():
        async with tls_pair(certificate) as (transport, _, received):
            with make() as file:
                file.write(DATA)
                for offset, count, expected in ranges:
                    received.data.clear()
                    transport.write(b"<")
                    assert await loop.sendfile(transport, file, offset, count) == len(expected)
                    assert file.tell() == offset + len(expected)
                    transport.write(b">" * 7)
                    await until(lambda: received.data.endswith(b">" * 7))
                    assert received.data == b"<" + expected + b">" * 7
                    assert transport.is_reading()

    ranges = [(0, None, DATA), (1000, None, DATA[1000:]), (7, 2000, DATA[7:2007])]
    run(main())


def test_over_tls_a_slow_reader_sets_the_pace(loop, run, certificate):
    async def main():
        async with tls_pair(certificate) as (transport, _, received):
            file = io.BytesIO(DATA)
            transport.set_write_buffer_limits(high=100_000)
            received.transport.set_read_buffer_limits(high=100_000)
            received.transport.pause_reading()
            task = asyncio.ensure_future(loop.sendfile(transport, file))
            await asyncio.sleep(0.1)
            assert transport.get_write_buffer_size() < 200_000
            # Until the sockets' own buffers are full it goes on: they hold several MiB on some machines.
            received.transport.resume_reading()
            assert await task == len(DATA)
            await until(lambda: len(received.data) == len(DATA))
            assert received.data == DATA

    run(main())


def test_over_tls_a_connection_lost_midway(loop, run, certificate):
    async def main():
        async with tls_pair(certificate) as (transport, protocol, received):
            transport.set_write_buffer_limits(high=1000)
            received.transport.set_read_buffer_limits(high=1000)
            received.transport.pause_reading()
            endless = SimpleNamespace(readinto=len)  # as long as it is asked for
            task = asyncio.ensure_future(loop.sendfile(transport, endless))
            await asyncio.sleep(0.3)
            assert not task.done()
            received.transport.abort()
            with pytest.raises(ConnectionError):
                await task
            await protocol.lost

    run(main())


def test_over_tls_there_is_no_native_sendfile(loop, run, certificate):
    async def main():
        async with tls_pair(certificate) as (transport, _, _):
            with pytest.raises(RuntimeError, match="fallback is disabled and native"):
                await loop.sendfile(transport, io.BytesIO(DATA), fallback=False)

    run(main())
