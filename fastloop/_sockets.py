"""Make, bind and connect the sockets that transports take over."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterable
from typing import Any

from fastloop._dns import AddressInfo


def check_stream_socket(sock: socket.socket) -> None:
    """Raise ValueError unless sock is a stream socket."""
    if sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A Stream Socket was expected, got {sock!r}")


def check_tls_options(ssl: object, **options: object) -> None:
    """Raise ValueError if an option of TLS is given without it."""
    for name, value in options.items():
        if value is not None and not ssl:
            raise ValueError(f"{name} is only meaningful with ssl")


def refuse(method: str, **options: object) -> None:
    """Raise NotImplementedError, naming it, if an option is set that method cannot follow yet."""
    given = sorted(name for name, value in options.items() if value)
    if given:
        raise NotImplementedError(f"EventLoop.{method}() does not implement {', '.join(given)} yet")


def listening_sockets(
    infos: Iterable[AddressInfo],
    *,
    reuse_address: bool | None,
    reuse_port: bool | None,
    keep_alive: bool | None,
) -> list[socket.socket]:
    """Return a bound socket for each address; either all of them or an OSError that names the address."""
    if reuse_address is None:
        # Linux lets a restarted server bind while its old connections are in TIME_WAIT.
        reuse_address = True
    sockets: list[socket.socket] = []
    with contextlib.ExitStack() as undo:
        for family, kind, protocol, _, address in infos:
            try:
                sock = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
            except OSError:
                # An address family that this kernel lacks; the others may do.
                continue
            undo.callback(sock.close)
            if reuse_address:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, True)
            if reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, True)
            if keep_alive:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, True)
            if family == socket.AF_INET6:
                # One socket an address: the IPv4 one is bound on its own.
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, True)
            try:
                sock.bind(address)
            except OSError as exc:
                raise OSError(
                    exc.errno,
                    f"error while attempting to bind on address {address!r}: "
                    f"{os.strerror(exc.errno or 0).lower()}",
                ) from None
            sockets.append(sock)
        if not sockets:
            raise OSError("could not bind on any address: no address family of the host is supported")
        undo.pop_all()
    return sockets


async def connect_any(
    loop: asyncio.AbstractEventLoop,
    remote: list[AddressInfo],
    local: list[AddressInfo] | None,
    all_errors: bool,
) -> socket.socket:
    """Connect to the first address that answers; OSError (a group, if all_errors) where none does."""
    errors: list[OSError] = []
    for info in remote:
        try:
            return await connect_one(loop, info, local)
        except OSError as exc:
            errors.append(exc)
    try:
        if all_errors:
            raise ExceptionGroup("create_connection failed", errors)
        if len(errors) == 1 or len({str(exc) for exc in errors}) == 1:
            raise errors[0]
        raise OSError(f"Multiple exceptions: {', '.join(str(exc) for exc in errors)}")
    finally:
        # The traceback of each refers to this frame.
        errors.clear()


async def connect_one(
    loop: asyncio.AbstractEventLoop, info: AddressInfo, local: list[AddressInfo] | None
) -> socket.socket:
    """Return a socket connected to the address in info; from an address of its family in local, if given."""
    family, kind, protocol, _, address = info
    sock = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        if local is not None:
            bind_any(sock, [entry[4] for entry in local if entry[0] == family])
        await loop.sock_connect(sock, address)
        undo.pop_all()
    return sock


def bind_any(sock: socket.socket, addresses: list[tuple[Any, ...]]) -> None:
    """Bind sock to the first of addresses that is free."""
    failure: OSError | None = None
    for address in addresses:
        try:
            return sock.bind(address)
        except OSError as exc:
            failure = OSError(
                exc.errno,
                f"error while attempting to bind on address {address!r}: {str(exc.strerror).lower()}",
            )
    raise failure or OSError(f"no matching local address with family={sock.family!r} found")


async def sock_connect(loop: asyncio.AbstractEventLoop, sock: socket.socket, address: Any) -> None:
    """Connect sock, which must be non-blocking, to address; a host name in it is resolved."""
    if sock.gettimeout() != 0:
        raise ValueError("the socket must be non-blocking")
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        host, port = address[:2]
        infos = await loop.getaddrinfo(host, port, family=sock.family, type=sock.type, proto=sock.proto)
        address = (*infos[0][4][:2], *address[2:])
    try:
        sock.connect(address)
    except (BlockingIOError, InterruptedError):
        pass
    else:
        return
    fd = sock.fileno()
    connected = loop.create_future()

    def wake_up() -> None:
        if not connected.done():
            connected.set_result(None)

    loop.add_writer(fd, wake_up)
    try:
        await connected
    finally:
        loop.remove_writer(fd)
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, f"Connect call failed {address}")
