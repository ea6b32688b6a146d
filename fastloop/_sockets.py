"""Make, bind and connect the sockets that transports take over."""

import asyncio
import contextlib
import errno
import functools
import itertools
import os
import socket
import sys
from asyncio import staggered
from collections.abc import Collection
from typing import Any

from fastloop._dns import AddressInfo


def check_stream_socket(sock: socket.socket) -> None:
    """Raise ValueError unless sock is a stream socket."""
    if sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A Stream Socket was expected, got {sock!r}")


def check_unix_socket(sock: socket.socket) -> None:
    """Raise ValueError unless sock is a Unix stream socket."""
    if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A UNIX Domain Stream Socket was expected, got {sock!r}")


def listening_sockets(
    infos: Collection[AddressInfo],
    *,
    reuse_address: bool | None,
    reuse_port: bool | None,
    keep_alive: bool | None,
) -> list[socket.socket]:
    """Return a bound socket for each address; either all of them or an OSError that names the address.

    From Python 3.13 on, as in asyncio, an address that this machine lacks is passed over if there are others.
    """
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
                if exc.errno == errno.EADDRNOTAVAIL and sys.version_info >= (3, 13):
                    # Of a name's addresses, one of a family that is turned off here.
                    sock.close()
                    continue
                raise OSError(
                    exc.errno,
                    f"error while attempting to bind on address {address!r}: "
                    f"{os.strerror(exc.errno or 0).lower()}",
                ) from None
            sockets.append(sock)
        if not sockets:
            tried = [info[4] for info in infos]
            raise OSError(errno.EADDRNOTAVAIL, f"could not bind on any address out of {tried!r}")
        undo.pop_all()
    return sockets


def in_turns(infos: list[AddressInfo], first: int) -> list[AddressInfo]:
    """Reorder infos so that families take turns, after `first` of the first family (RFC 8305 section 4)."""
    families: dict[int, list[AddressInfo]] = {}
    for info in infos:
        families.setdefault(info[0], []).append(info)
    leading = next(iter(families.values()))
    head, leading[: first - 1] = leading[: first - 1], []
    return head + [
        info for turn in itertools.zip_longest(*families.values()) for info in turn if info is not None
    ]


async def connect_any(
    loop: asyncio.AbstractEventLoop,
    remote: list[AddressInfo],
    local: list[AddressInfo] | None,
    all_errors: bool,
    stagger: float | None,
    interleave: int | None,
) -> socket.socket:
    """Connect to the first address that answers; OSError (a group, if all_errors) where none does.

    stagger: seconds between the starts of two attempts; None: one begins when the one before has failed.
    interleave: how many addresses of the first family come before families take turns; 0: the order is kept.
    """
    if stagger is not None and interleave is None:
        interleave = 1
    if interleave:
        remote = in_turns(remote, interleave)
    errors: list[OSError] = []

    async def attempt(info: AddressInfo) -> socket.socket:
        try:
            return await connect_one(loop, info, local)
        except OSError as exc:
            errors.append(exc)
            raise

    if stagger is None:
        for info in remote:
            with contextlib.suppress(OSError):
                return await attempt(info)
    else:
        winner: socket.socket | None
        winner, _, failures = await staggered.staggered_race(
            (functools.partial(attempt, info) for info in remote), stagger, loop=loop
        )
        if winner is not None:
            return winner
        # What is no OSError is no refusal by a peer.
        for failure in failures:
            if failure is not None and not isinstance(failure, OSError):
                raise failure
    try:
        if all_errors:
            raise ExceptionGroup("create_connection failed", errors)
        if len({str(exc) for exc in errors}) == 1:
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
