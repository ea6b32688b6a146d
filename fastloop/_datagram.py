"""Datagram endpoints: from addresses and options to transports."""

import asyncio
import logging
import os
import socket
import stat
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from fastloop._base import LoopBase, check_protocol
from fastloop._core.datagram import Datagram, open_datagram
from fastloop._dns import resolve

P = TypeVar("P", bound=asyncio.BaseProtocol)
# ((family, protocol), (local address, remote address))
Candidate = tuple[tuple[int, int], tuple[Any, Any]]

logger = logging.getLogger("asyncio")


def check_datagram_socket(sock: socket.socket, options: dict[str, Any]) -> None:
    """Raise ValueError unless sock is of a fitting type, and none of options is given with it."""
    if sys.version_info >= (3, 13):
        if sock.type == socket.SOCK_STREAM:
            raise ValueError(f"A datagram socket was expected, got {sock!r}")
    elif sock.type != socket.SOCK_DGRAM:
        raise ValueError(f"A UDP Socket was expected, got {sock!r}")
    problems = ", ".join(f"{name}={value}" for name, value in options.items() if value)
    if problems:
        raise ValueError(
            f"socket modifier keyword arguments can not be used when sock is specified. ({problems})"
        )


def remove_stale_socket(path: str) -> None:
    """Remove the socket file at path, if there is one."""
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.remove(path)
    except FileNotFoundError:
        pass
    except OSError as exc:
        # The directory may permit no more than to make a socket in it.
        logger.error("Unable to check or remove stale UNIX socket %r: %r", path, exc)


class Datagrams(LoopBase):
    """The method of a loop that returns a datagram transport."""

    async def create_datagram_endpoint(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], P],
        local_addr: tuple[str | None, int] | str | None = None,
        remote_addr: tuple[str, int] | str | None = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
        sock: socket.socket | None = None,
    ) -> tuple[Datagram, P]:
        """Bind to local_addr, connect to remote_addr, or take over sock; return (transport, protocol).

        Addresses are (host, port), or paths with family AF_UNIX (a leading NUL: abstract). With
        allow_broadcast the socket is not connected: answers may come from any host. Raises the OSError of
        the first address where none will do.
        """
        self._check_closed()
        remote = None
        if sock is not None:
            check_datagram_socket(sock, {
                "local_addr": local_addr,
                "remote_addr": remote_addr,
                "family": family,
                "proto": proto,
                "flags": flags,
                "reuse_port": reuse_port,
                "allow_broadcast": allow_broadcast,
            })
            self._check_unused(sock)
        else:
            candidates = await self._datagram_candidates(local_addr, remote_addr, family, proto, flags)
            sock, remote = first_datagram_socket(candidates, reuse_port, allow_broadcast)
        try:
            sock.setblocking(False)
            protocol = protocol_factory()
            check_protocol(protocol)
            transport = open_datagram(self, sock, protocol, remote)
        except BaseException:
            sock.close()
            raise
        if self.get_debug():
            logger.log(
                logging.INFO if local_addr else logging.DEBUG,
                "Datagram endpoint local_addr=%r remote_addr=%r created: (%r, %r)",
                local_addr, remote_addr, transport, protocol,
            )
        return transport, protocol

    async def _datagram_candidates(
        self, local_addr: Any, remote_addr: Any, family: int, proto: int, flags: int
    ) -> list[Candidate]:
        """Return what to try in turn: families for which every address that is given has a form."""
        if not (local_addr or remote_addr):
            if family == 0:
                raise ValueError("unexpected address family")
            return [((family, proto), (None, None))]
        if family == socket.AF_UNIX:
            for address in (local_addr, remote_addr):
                if address is not None and not isinstance(address, str):
                    raise TypeError("string is expected")
            if local_addr and local_addr[0] != "\0":
                remove_stale_socket(local_addr)
            return [((family, proto), (local_addr, remote_addr))]
        found: dict[tuple[int, int], list[Any]] = {}
        for index, address in enumerate((local_addr, remote_addr)):
            if address is None:
                continue
            if not (isinstance(address, tuple) and len(address) == 2):
                raise TypeError("2-tuple is expected")
            for info in await resolve(
                self, address, family=family, type=socket.SOCK_DGRAM, proto=proto, flags=flags
            ):
                found.setdefault((info[0], info[2]), [None, None])[index] = info[4]
        candidates: list[Candidate] = [
            (key, (local, remote)) for key, (local, remote) in found.items()
            if not ((local_addr and local is None) or (remote_addr and remote is None))
        ]
        if not candidates:
            raise ValueError("can not get address information")
        return candidates


def first_datagram_socket(
    candidates: list[Candidate], reuse_port: bool | None, allow_broadcast: bool | None
) -> tuple[socket.socket, Any]:
    """Return a socket of the first of candidates that will do, and the address it is to send to."""
    failures: list[OSError] = []
    try:
        for (family, proto), (local, remote) in candidates:
            try:
                sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, proto)
            except OSError as exc:
                failures.append(exc)
                continue
            try:
                if reuse_port:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, True)
                if allow_broadcast:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, True)
                if local:
                    sock.bind(local)
                if remote and not allow_broadcast:
                    # The kernel notes the address: nothing to wait for.
                    sock.connect(remote)
            except OSError as exc:
                sock.close()
                failures.append(exc)
            except BaseException:
                sock.close()
                raise
            else:
                return sock, remote
        raise failures[0]
    finally:
        # The traceback of each refers to this frame.
        failures.clear()
