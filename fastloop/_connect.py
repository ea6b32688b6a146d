"""Connections that we open or are handed: from names and options to transports."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from ssl import SSLContext
from typing import Any, TypeVar

from fastloop._base import LoopBase, check_protocol
from fastloop._core.stream import open_stream
from fastloop._core.transport import Transport
from fastloop._dns import resolve
from fastloop._sockets import check_stream_socket, check_unix_socket, connect_any
from fastloop._tls import (
    SSLArgument,
    TLSOptions,
    check_not_tls_socket,
    client_options,
    server_options,
)

P = TypeVar("P", bound=asyncio.BaseProtocol)

logger = logging.getLogger("asyncio")


async def make_transport(
    loop: LoopBase, sock: socket.socket, protocol_factory: Callable[[], P], tls: TLSOptions | None
) -> tuple[asyncio.Transport, P]:
    """Take over sock, connected; return transport and protocol once the connection is ready to use."""
    try:
        sock.setblocking(False)
        protocol = protocol_factory()
        if tls is None:
            check_protocol(protocol)
            plain = open_stream(loop, sock, protocol)
            log_connection(loop, plain, protocol)
            return plain, protocol
        waiter = loop.create_future()
        session = tls.session(loop, protocol, waiter)
    except BaseException:
        sock.close()
        raise
    transport = open_stream(loop, sock, session)
    try:
        await waiter
    except BaseException:
        transport.close()
        raise
    finally:
        # It holds the exception, whose traceback holds us.
        del waiter
    log_connection(loop, session.transport, protocol)
    return session.transport, protocol


def log_connection(loop: LoopBase, transport: asyncio.Transport, protocol: object) -> None:
    """Say in debug mode that there is a connection."""
    if loop.get_debug():
        logger.debug(
            "connected to %r: (%r, %r)", transport.get_extra_info("peername"), transport, protocol
        )


class Connecting(LoopBase):
    """The methods of a loop that return one connection."""

    async def create_connection(
        self,
        protocol_factory: Callable[[], P],
        host: str | None = None,
        port: str | int | None = None,
        *,
        ssl: SSLArgument = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: socket.socket | None = None,
        local_addr: tuple[str, int] | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
    ) -> tuple[asyncio.Transport, P]:
        """Connect over TCP and return (transport, protocol).

        The addresses of host are tried one after the other, or side by side, happy_eyeballs_delay seconds
        apart (RFC 8305), families in turns after the first `interleave`. Raises OSError where none answers;
        with all_errors an ExceptionGroup of every failure.
        """
        self._check_closed()
        if ssl and server_hostname is None:
            if not host:
                raise ValueError("You must set server_hostname when using ssl without a host")
            server_hostname = host
        tls = client_options(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        if sock is None:
            if host is None and port is None:
                raise ValueError("host and port was not specified and no sock specified")
            options = {"family": family, "type": socket.SOCK_STREAM, "proto": proto, "flags": flags}
            remote = await resolve(self, (host, port), **options)
            local = None
            if local_addr is not None:
                local = await resolve(self, local_addr, **options)
            sock = await connect_any(self, remote, local, all_errors, happy_eyeballs_delay, interleave)
        else:
            if host is not None or port is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            check_not_tls_socket(sock)
            check_stream_socket(sock)
            self._check_unused(sock)
        return await make_transport(self, sock, protocol_factory, tls)

    async def create_unix_connection(
        self,
        protocol_factory: Callable[[], P],
        path: str | bytes | os.PathLike[str] | None = None,
        *,
        ssl: SSLArgument = None,
        sock: socket.socket | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """Connect to the Unix stream socket at path (unix(7); a leading NUL: abstract), or take over sock."""
        self._check_closed()
        if ssl and server_hostname is None:
            raise ValueError("you have to pass server_hostname when using ssl")
        tls = client_options(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        if path is not None:
            if sock is not None:
                raise ValueError("path and sock can not be specified at the same time")
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                await self.sock_connect(sock, os.fspath(path))
            except BaseException:
                sock.close()
                raise
        else:
            if sock is None:
                raise ValueError("no path and sock were specified")
            check_unix_socket(sock)
            check_not_tls_socket(sock)
            self._check_unused(sock)
        return await make_transport(self, sock, protocol_factory, tls)

    async def connect_accepted_socket(
        self,
        protocol_factory: Callable[[], P],
        sock: socket.socket,
        *,
        ssl: SSLArgument = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """Make a transport of a connection that was accepted elsewhere; TLS in the server's role."""
        self._check_closed()
        check_stream_socket(sock)
        if ssl is True:
            raise ValueError("Server side SSL needs a valid SSLContext")
        check_not_tls_socket(sock)
        self._check_unused(sock)
        tls = server_options(ssl or None, ssl_handshake_timeout, ssl_shutdown_timeout)
        return await make_transport(self, sock, protocol_factory, tls)

    async def start_tls(
        self,
        transport: asyncio.WriteTransport,
        protocol: asyncio.BaseProtocol,
        sslcontext: Any,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> asyncio.Transport:
        """Upgrade a connection to TLS and return the transport that protocol is to use from then on."""
        if not isinstance(sslcontext, SSLContext):
            raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}")
        if not isinstance(transport, Transport):
            raise TypeError(f"transport {transport!r} is not supported by start_tls()")
        tls = TLSOptions.checked(
            sslcontext, server_side, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout
        )
        waiter = self.create_future()
        session = tls.session(self, protocol, waiter, tell_connection_made=False)
        # What arrives before the handshake has begun is the handshake's, also where a reader has it already.
        transport.pause_reading()
        reader = getattr(protocol, "_stream_reader", None) if server_side else None
        if isinstance(reader, asyncio.StreamReader) and reader._buffer:  # type: ignore[attr-defined]
            session.feed(reader._buffer)  # type: ignore[attr-defined]
            reader._buffer.clear()  # type: ignore[attr-defined]
        transport.set_protocol(session)
        begin = self.call_soon(session.connection_made, transport)
        go_on = self.call_soon(transport.resume_reading)
        try:
            await waiter
        except BaseException:
            transport.close()
            begin.cancel()
            go_on.cancel()
            raise
        finally:
            # It holds the exception, whose traceback holds us.
            del waiter
        return session.transport
