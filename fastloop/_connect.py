"""create_connection and create_server: from names and options to transports."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fastloop._core.stream import open_stream
from fastloop._dns import AddressInfo
from fastloop._server import Server
from fastloop._sockets import check_stream_socket, connect_any, listening_sockets

if TYPE_CHECKING:
    from fastloop.loop import EventLoop

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


async def resolve(
    loop: "EventLoop", host: str | None, port: str | int | None, family: int, flags: int, proto: int = 0
) -> list[AddressInfo]:
    """Return the stream addresses of host and port; OSError where there are none."""
    infos = await loop.getaddrinfo(
        host, port, family=family, type=socket.SOCK_STREAM, proto=proto, flags=flags
    )
    if not infos:
        raise OSError(f"getaddrinfo({host!r}) returned empty list")
    return infos


async def create_connection(
    loop: "EventLoop",
    protocol_factory: ProtocolFactory,
    host: str | None,
    port: str | int | None,
    *,
    family: int,
    proto: int,
    flags: int,
    sock: socket.socket | None,
    local_addr: tuple[str, int] | None,
    all_errors: bool,
) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
    """Connect, and return the transport and the protocol that has been told of it."""
    if sock is None:
        if host is None and port is None:
            raise ValueError("host and port was not specified and no sock specified")
        remote = await resolve(loop, host, port, family, flags, proto)
        local = None
        if local_addr is not None:
            local = await resolve(loop, *local_addr, family, flags, proto)
        sock = await connect_any(loop, remote, local, all_errors)
    else:
        if host is not None or port is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
        check_stream_socket(sock)
        sock.setblocking(False)
    try:
        protocol = protocol_factory()
        transport = open_stream(loop, sock, protocol)
    except BaseException:
        sock.close()
        raise
    return transport, protocol


async def create_server(
    loop: "EventLoop",
    protocol_factory: ProtocolFactory,
    host: str | Sequence[str] | None,
    port: str | int | None,
    *,
    family: int,
    flags: int,
    sock: socket.socket | None,
    backlog: int,
    reuse_address: bool | None,
    reuse_port: bool | None,
    keep_alive: bool | None,
    start_serving: bool,
) -> Server:
    """Bind every address of host and port, or take over sock, and return the server."""
    if host is not None or port is not None:
        if sock is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
        hosts: Sequence[str | None] = [host or None] if isinstance(host, str) or host is None else host
        # One address under two names is still one address.
        infos = dict.fromkeys([
            info for name in hosts for info in await resolve(loop, name, port, family, flags)
        ])
        sockets = listening_sockets(
            infos, reuse_address=reuse_address, reuse_port=reuse_port, keep_alive=keep_alive
        )
    else:
        if sock is None:
            raise ValueError("Neither host/port nor sock were specified")
        check_stream_socket(sock)
        sock.setblocking(False)
        sockets = [sock]
    server = Server(loop, sockets, protocol_factory, backlog)
    if start_serving:
        try:
            await server.start_serving()
        except BaseException:
            server.close()
            raise
    return server
