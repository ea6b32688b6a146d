"""TLS options of connections and servers: what they mean, and which do not go together."""

import ssl
from dataclasses import dataclass
from typing import Any

from fastloop._core.tls import TLSSession

SSLArgument = ssl.SSLContext | bool | None


@dataclass(frozen=True, slots=True)
class TLSOptions:
    """How to put TLS on a connection."""

    context: ssl.SSLContext
    server_side: bool
    server_hostname: str | None
    handshake_timeout: float  # seconds
    shutdown_timeout: float

    @classmethod
    def checked(
        cls,
        context: ssl.SSLContext,
        server_side: bool,
        server_hostname: str | None,
        handshake_timeout: float | None,
        shutdown_timeout: float | None,
    ) -> "TLSOptions":
        """Return the options as callers give them, with asyncio's default timeouts for None."""
        return cls(
            context,
            server_side,
            server_hostname,
            check_timeout("ssl_handshake_timeout", handshake_timeout, 60.0),
            check_timeout("ssl_shutdown_timeout", shutdown_timeout, 30.0),
        )

    def session(
        self, loop: Any, protocol: Any, waiter: Any = None, tell_connection_made: bool = True
    ) -> TLSSession:
        """Return the session of one connection, which is the protocol of the transport below."""
        return TLSSession(
            loop,
            protocol,
            self.context,
            waiter,
            server_side=self.server_side,
            server_hostname=self.server_hostname,
            tell_connection_made=tell_connection_made,
            handshake_timeout=self.handshake_timeout,
            shutdown_timeout=self.shutdown_timeout,
        )


def default_context(server_hostname: str | None) -> ssl.SSLContext:
    """Return the context a client gets that asks for ssl=True."""
    context = ssl.create_default_context()
    if not server_hostname:
        context.check_hostname = False
    return context


def client_options(
    argument: SSLArgument,
    server_hostname: str | None,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
) -> TLSOptions | None:
    """Return the options of a client connection, None for one without TLS."""
    if not argument:
        check_plain(server_hostname=server_hostname, handshake_timeout=handshake_timeout,
                    shutdown_timeout=shutdown_timeout)
        return None
    context = default_context(server_hostname) if isinstance(argument, bool) else argument
    return TLSOptions.checked(context, False, server_hostname, handshake_timeout, shutdown_timeout)


def server_options(
    argument: SSLArgument, handshake_timeout: float | None, shutdown_timeout: float | None
) -> TLSOptions | None:
    """Return the options of accepted connections, None for ones without TLS."""
    if isinstance(argument, bool):
        raise TypeError("ssl argument must be an SSLContext or None")
    if argument is None:
        check_plain(handshake_timeout=handshake_timeout, shutdown_timeout=shutdown_timeout)
        return None
    return TLSOptions.checked(argument, True, None, handshake_timeout, shutdown_timeout)


def check_timeout(name: str, value: float | None, default: float) -> float:
    """Return value in seconds, or default where it is None; ValueError unless it is positive."""
    if value is None:
        return default
    if value <= 0:
        raise ValueError(f"{name} should be a positive number, got {value}")
    return value


def check_plain(
    *,
    server_hostname: str | None = None,
    handshake_timeout: float | None = None,
    shutdown_timeout: float | None = None,
) -> None:
    """Raise ValueError for an option that means nothing without TLS."""
    for name, value in (
        ("server_hostname", server_hostname),
        ("ssl_handshake_timeout", handshake_timeout),
        ("ssl_shutdown_timeout", shutdown_timeout),
    ):
        if value is not None:
            raise ValueError(f"{name} is only meaningful with ssl")


def check_not_tls_socket(sock: Any) -> None:
    """Raise TypeError for a socket that ssl.SSLContext.wrap_socket made: it blocks, and does TLS itself."""
    if isinstance(sock, ssl.SSLSocket):
        raise TypeError("Socket cannot be of type SSLSocket")
