"""Name resolution: address literals at once, everything else in the executor."""

import functools
import socket
from asyncio import AbstractEventLoop
from typing import Any, cast

from fastloop._core.address import maybe_literal

# With these, a literal is answered with itself.
PLAIN_FLAGS = socket.AI_PASSIVE | socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]


def is_literal(host: str | bytes | None) -> bool:
    """Say whether host is an IPv4 or IPv6 address rather than a name."""
    if host is None:
        return True
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            # An IPv6 zone ("fe80::1%eth0") is getaddrinfo's to look up.
            socket.inet_pton(family, text.partition("%")[0])
        except (OSError, ValueError):
            continue
        return True
    return False


@functools.cache
def forms_of(family: int, type: int, proto: int, flags: int) -> list[tuple[Any, ...]]:
    """Return what the C library makes of a literal of family: all of each answer but the address.

    Raises socket.gaierror where these do not go together.
    """
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    return [form[:4] for form in socket.getaddrinfo(host, 0, family, type, proto, flags)]


def maybe_answer(
    host: object, port: object, family: int, type: int, proto: int, flags: int
) -> list[AddressInfo] | None:
    """Answer for an address literal and a port number; None where it takes the C library to say."""
    if host.__class__ is not str or port.__class__ is not int or flags & ~PLAIN_FLAGS:
        return None
    if not 0 <= port <= 65535:
        return None
    literal = maybe_literal(host, port)
    if literal is None or family not in (socket.AF_UNSPEC, literal[0]):
        return None
    address = literal[1]
    return [(*form, address) for form in forms_of(literal[0], type, proto, flags)]


async def getaddrinfo(
    loop: AbstractEventLoop,
    host: str | bytes | None,
    port: str | int | None,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> list[AddressInfo]:
    """Resolve host and port as `socket.getaddrinfo`; without a thread where there is nothing to look up."""
    if is_literal(host):
        flags |= socket.AI_NUMERICHOST if host is not None else 0
        return cast(list[AddressInfo], socket.getaddrinfo(host, port, family, type, proto, flags))
    found = await loop.run_in_executor(None, socket.getaddrinfo, host, port, family, type, proto, flags)
    return cast(list[AddressInfo], found)
