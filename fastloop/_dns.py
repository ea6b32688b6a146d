"""Name resolution: address literals at once, everything else in the executor."""

import socket
from asyncio import AbstractEventLoop
from typing import Any, cast

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
