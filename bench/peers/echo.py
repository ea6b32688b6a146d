"""Echo on one of the event loops, written in one of the styles that asyncio offers.

`python -m bench.peers.echo --loop fastloop --transport tcp --style streams --port 8000`

A style is written as its users write it; all of them answer the same bytes.
"""

import argparse
import asyncio
import contextlib
import importlib.machinery
import importlib.util
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

from bench.peers._loops import BACKLOG, arguments, run, serve

# What streams and sock_recv ask for at once: the limit of asyncio's streams.
READ_BYTES = 64 * 1024

Main = Coroutine[Any, Any, None]


class Echo(asyncio.Protocol):
    """Write back what comes in."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class BufferedEcho(asyncio.BufferedProtocol):
    """The same, receiving into a buffer of its own."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(256 * 1024))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        # Copied: a transport may keep what it cannot send at once, and the buffer is written to again.
        self.transport.write(bytes(self.buffer[:nbytes]))


class DatagramEcho(asyncio.DatagramProtocol):
    """Send each datagram back to where it came from."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


async def echo_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write back what comes in, with asyncio's streams."""
    # A load that ends resets its connections: that is no failure.
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


async def echo_socket(connection: socket.socket) -> None:
    """Write back what comes in, with the loop's socket calls."""
    loop = asyncio.get_running_loop()
    with connection, contextlib.suppress(ConnectionError):
        while data := await loop.sock_recv(connection, READ_BYTES):
            await loop.sock_sendall(connection, data)


async def serve_streams(port: int) -> None:
    server = await asyncio.start_server(echo_stream, "127.0.0.1", port, backlog=BACKLOG)
    await server.serve_forever()


async def serve_sockets(port: int) -> None:
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    listener.setblocking(False)
    tasks = set()
    while True:
        connection, _ = await loop.sock_accept(listener)
        # As asyncio's transports do.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = loop.create_task(echo_socket(connection))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def serve_unix(path: Path) -> None:
    server = await asyncio.get_running_loop().create_unix_server(Echo, path, backlog=BACKLOG)
    await server.serve_forever()


async def serve_datagrams(port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(DatagramEcho, local_addr=("127.0.0.1", port))
    await asyncio.Event().wait()


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    return context


def compiled_echo(module: Path) -> Callable[[], asyncio.BaseProtocol]:
    """Load the protocol that `bench.e2e.build` has compiled."""
    loader = importlib.machinery.ExtensionFileLoader("compiled_echo", str(module))
    spec = importlib.util.spec_from_file_location("compiled_echo", module, loader=loader)
    assert spec is not None
    loaded = importlib.util.module_from_spec(spec)
    loader.exec_module(loaded)
    return cast(Callable[[], asyncio.BaseProtocol], loaded.Echo)


def main_of(args: argparse.Namespace) -> Main:
    """Return what serves in that style over that transport."""
    if args.transport == "unix":
        return serve_unix(args.path)
    if args.transport == "udp":
        return serve_datagrams(args.port)
    if args.transport == "tls":
        return serve(Echo, args.port, tls_context(args.certificate, args.key))
    if args.style == "streams":
        return serve_streams(args.port)
    if args.style == "sock":
        return serve_sockets(args.port)
    if args.style == "compiled":
        return serve(compiled_echo(args.module), args.port)
    return serve(BufferedEcho if args.style == "buffered" else Echo, args.port)


if __name__ == "__main__":
    parser = arguments()
    parser.add_argument("--transport", choices=("tcp", "unix", "udp", "tls"), default="tcp")
    parser.add_argument(
        "--style", choices=("protocol", "buffered", "streams", "sock", "compiled"), default="protocol"
    )
    parser.add_argument("--path", type=Path, help="of the Unix socket")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--module", type=Path, help="of the compiled protocol")
    args = parser.parse_args()
    run(main_of(args), args.loop)
