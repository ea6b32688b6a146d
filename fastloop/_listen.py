"""Servers: from names and options to listening sockets."""

import asyncio
import errno
import logging
import os
import socket
import stat
import sys
from collections.abc import Callable, Sequence
from functools import partial

from fastloop._base import LoopBase
from fastloop._dns import resolve
from fastloop._server import Server
from fastloop._sockets import check_stream_socket, check_unix_socket, listening_sockets
from fastloop._tls import SSLArgument, TLSOptions, check_not_tls_socket, server_options

ProtocolFactory = Callable[[], asyncio.BaseProtocol]
Preface = Callable[[ProtocolFactory], asyncio.BaseProtocol]

logger = logging.getLogger("asyncio")


async def make_server(
    loop: LoopBase,
    sockets: list[socket.socket],
    protocol_factory: ProtocolFactory,
    tls: TLSOptions | None,
    backlog: int,
    start_serving: bool,
    *,
    max_connections: int = sys.maxsize,
    socket_files: Sequence[str | bytes] = (),
    preface: Preface | None = None,
) -> Server:
    """Return the server of sockets, which are bound, and which it takes over.

    socket_files are removed when it closes. preface(factory) makes what is first on a connection, below TLS.
    """
    factory = protocol_factory
    if tls is not None:
        def factory() -> asyncio.BaseProtocol:
            return tls.session(loop, protocol_factory())

    if preface is not None:
        factory = partial(preface, factory)
    server = Server(loop, sockets, factory, backlog, max_connections)
    try:
        for path in socket_files:
            server.remove_on_close(path)
        if start_serving:
            await server.start_serving()
    except BaseException:
        server.close()
        raise
    if start_serving and loop.get_debug():
        logger.info("%r is serving", server)
    return server


class Listening(LoopBase):
    """The methods of a loop that return a server."""

    async def create_server(
        self,
        protocol_factory: ProtocolFactory,
        host: str | Sequence[str] | None = None,
        port: str | int | None = None,
        *,
        family: int = socket.AF_UNSPEC,
        flags: int = socket.AI_PASSIVE,
        sock: socket.socket | None = None,
        backlog: int = 100,
        ssl: SSLArgument = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        keep_alive: bool | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
    ) -> Server:
        """Listen on TCP, on every address of host and port, or on sock; return the server."""
        self._check_closed()
        tls = server_options(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if host is not None or port is not None:
            if sock is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            hosts: Sequence[str | None] = [host or None] if isinstance(host, str) or host is None else host
            # One address under two names is still one address.
            infos = dict.fromkeys([
                info for name in hosts
                for info in await resolve(
                    self, (name, port), family=family, type=socket.SOCK_STREAM, flags=flags
                )
            ])
            sockets = listening_sockets(
                infos, reuse_address=reuse_address, reuse_port=reuse_port, keep_alive=keep_alive
            )
        else:
            if sock is None:
                raise ValueError("Neither host/port nor sock were specified")
            check_not_tls_socket(sock)
            check_stream_socket(sock)
            sock.setblocking(False)
            sockets = [sock]
        return await make_server(self, sockets, protocol_factory, tls, backlog, start_serving)

    async def create_unix_server(
        self,
        protocol_factory: ProtocolFactory,
        path: str | bytes | os.PathLike[str] | None = None,
        *,
        sock: socket.socket | None = None,
        backlog: int = 100,
        ssl: SSLArgument = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        cleanup_socket: bool = sys.version_info >= (3, 13),
    ) -> Server:
        """Listen on the Unix stream socket at path (a leading NUL: abstract), or on sock; return the server.

        A socket file that is left at path is replaced. With cleanup_socket the server's own is removed when
        it closes, unless another has taken its place; the default is that of asyncio's version.
        """
        self._check_closed()
        tls = server_options(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if path is not None:
            if sock is not None:
                raise ValueError("path and sock can not be specified at the same time")
            sock = bind_unix_socket(os.fspath(path))
        else:
            if sock is None:
                raise ValueError("path was not specified, and no sock specified")
            check_unix_socket(sock)
            check_not_tls_socket(sock)
            sock.setblocking(False)
        return await make_server(
            self, [sock], protocol_factory, tls, backlog, start_serving,
            socket_files=[sock.getsockname()] if cleanup_socket else [],
        )

    async def serve_sockets(
        self,
        protocol_factory: ProtocolFactory,
        sockets: list[socket.socket],
        *,
        backlog: int = 100,
        ssl: SSLArgument = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        max_connections: int = sys.maxsize,
        socket_files: Sequence[str] = (),
        preface: Preface | None = None,
    ) -> Server:
        """Listen on all of sockets, bound and non-blocking, which the server takes over; return the server.

        While max_connections are open over all of them, further ones wait in the kernel's queue. socket_files
        are removed when the server closes, unless others have taken their place. preface(factory) makes the
        protocol that is first on each connection, below TLS, and hands over to what factory() makes. Not in
        asyncio.
        """
        self._check_closed()
        tls = server_options(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        return await make_server(
            self, sockets, protocol_factory, tls, backlog, True,
            max_connections=max_connections, socket_files=socket_files, preface=preface,
        )


def bind_unix_socket(path: str | bytes) -> socket.socket:
    """Return a socket bound to path, in place of a socket file that is left there."""
    if path[:1] not in ("\0", b"\0"):
        try:
            if stat.S_ISSOCK(os.stat(path).st_mode):
                os.remove(path)
        except FileNotFoundError:
            pass
        except OSError as exc:
            logger.error("Unable to check or remove stale UNIX socket %r: %r", path, exc)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.bind(path)
    except OSError as exc:
        sock.close()
        if exc.errno == errno.EADDRINUSE:
            raise OSError(errno.EADDRINUSE, f"Address {path!r} is already in use") from None
        raise
    except BaseException:
        sock.close()
        raise
    return sock
