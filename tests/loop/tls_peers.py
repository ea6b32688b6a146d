"""Both ends of TLS connections, with a certificate made for the occasion."""

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from types import SimpleNamespace

import pytest
from peers import Recorder, in_thread, tcp_pair, until


def make_certificate(directory):
    """Return the path of a certificate for localhost and 127.0.0.1, signed by itself, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    path = directory / "localhost.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", path, "-out", directory / "cert"],
        check=True, capture_output=True,
    )
    with path.open("a") as key, (directory / "cert").open() as certificate:
        key.write(certificate.read())
    return path


def contexts(certificate):
    """Return contexts: of a server, one that demands certificates, a client, and one that trusts nobody."""
    serving, demanding = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    serving.load_cert_chain(certificate)
    demanding.load_cert_chain(certificate)
    demanding.verify_mode = ssl.CERT_REQUIRED
    return SimpleNamespace(
        server=serving,
        demanding=demanding,
        client=ssl.create_default_context(cafile=certificate),
        distrustful=ssl.create_default_context(),
    )


class Paused(Recorder):
    """Wants no data from the start."""

    def connection_made(self, transport):
        super().connection_made(transport)
        transport.pause_reading()


@contextlib.asynccontextmanager
async def served(contexts, protocol, path=None, context=None, **options):
    """Serve TLS; yield (server, connect, the protocols of accepted connections)."""
    options["ssl"] = context or contexts.server
    loop = asyncio.get_running_loop()
    accepted = []

    def accept():
        accepted.append(protocol())
        return accepted[-1]

    if path is None:
        server = await loop.create_server(accept, "127.0.0.1", 0, **options)
    else:
        server = await loop.create_unix_server(accept, path, **options)

    async def connect(protocol=Recorder, context=contexts.client, **options):
        options = {"ssl": context, "server_hostname": "localhost", **options}
        if path is not None:
            return await loop.create_unix_connection(protocol, path, **options)
        return await loop.create_connection(protocol, *server.sockets[0].getsockname(), **options)

    try:
        yield server, connect, accepted
    finally:
        server.close()
        server.abort_clients()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def pair(contexts, server=Recorder, client=Recorder, **options):
    """Yield (client's protocol, server's protocol), Recorders, connected; they are lost at the end."""
    async with served(contexts, server, **options) as (_, connect, accepted):
        transport, protocol = await connect(client)
        await until(lambda: accepted and accepted[0].transport)
        try:
            yield protocol, accepted[0]
        finally:
            transport.abort()
            await until(lambda: "lost" in protocol.told)


class Peer:
    """A server's side that receives only when it has to, over a blocking socket."""

    def __init__(self, context, sock):
        self.sock = sock
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.session = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.step(self.session.do_handshake)

    def send(self):
        self.sock.sendall(self.outgoing.read())

    def step(self, call, *args):
        while True:
            try:
                result = call(*args)
            except ssl.SSLWantReadError:
                self.send()
                self.incoming.write(self.sock.recv(1 << 18))
            else:
                self.send()
                return result

    def end(self):
        """Send close_notify, and do not wait for the other's."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.session.unwrap()
        self.send()

    def read_all(self):
        """Read until the other side's close_notify."""
        data = bytearray()
        with contextlib.suppress(ssl.SSLZeroReturnError):
            while chunk := self.step(self.session.read, 1 << 18):
                data += chunk
        return bytes(data)


async def facing_peer(contexts, protocol, **options):
    """Return a protocol of a client's connection and the Peer that it is connected to."""
    ours, peer = tcp_pair()
    accepting = asyncio.ensure_future(in_thread(Peer, contexts.server, peer))
    _, protocol = await asyncio.get_running_loop().create_connection(
        protocol, sock=ours, ssl=contexts.client, server_hostname="localhost", **options
    )
    return protocol, await accepting


async def facing_socket(contexts, protocol, **options):
    """Return a protocol of a client's connection and the SSLSocket that it is connected to."""
    ours, peer = tcp_pair()
    accepting = asyncio.ensure_future(in_thread(lambda: contexts.server.wrap_socket(peer, server_side=True)))
    _, protocol = await asyncio.get_running_loop().create_connection(
        protocol, sock=ours, ssl=contexts.client, server_hostname="localhost", **options
    )
    return protocol, await accepting
