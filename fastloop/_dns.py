"""Name resolution: address literals at once, everything else by the loop's `getaddrinfo`, in the executor."""

import functools
import socket
from asyncio import AbstractEventLoop
from typing import Any, cast

from fastloop._core.address import maybe_literal

# With these, a literal is answered with itself.
PLAIN_FLAGS = int(socket.AI_PASSIVE | socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]

# What a literal's type of socket speaks.
PROTOCOLS = {socket.SOCK_STREAM: socket.IPPROTO_TCP, socket.SOCK_DGRAM: socket.IPPROTO_UDP}


def is_literal(host: object) -> bool:
    """Say whether host is an IPv4 or IPv6 address, or none at all, rather than a name."""
    if host is None:
        return True
    if not isinstance(host, (str, bytes)):
        return False  # getaddrinfo says what is wrong with it
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


@functools.lru_cache(maxsize=128)
def maybe_answer(
    host: str, port: int, family: int, type: int, proto: int, flags: int
) -> tuple[AddressInfo, ...] | None:
    """Answer for an address literal and a port number; None where it takes the C library to say."""
    if flags & ~PLAIN_FLAGS or not 0 <= port <= 65535:
        return None
    literal = maybe_literal(host, port)
    if literal is None or family not in (socket.AF_UNSPEC, literal[0]):
        return None
    address = literal[1]
    return tuple((*form, address) for form in forms_of(literal[0], type, proto, flags))


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


def literal(
    host: Any, port: Any, family: int, type: int, proto: int, *scope: int
) -> AddressInfo | None:
    """Return what host and port stand for where nothing needs looking up; None: ask getaddrinfo.

    As in asyncio that is an address literal without a zone and a port by its number. scope: an IPv6 address's
    flow label and scope id, 0 unless given. Raises ValueError for a host with a NUL.
    """
    if host is None or type not in PROTOCOLS or proto not in (0, *PROTOCOLS.values()):
        return None
    try:
        number = 0 if port is None or (isinstance(port, str) and not port) else int(port)
    except (TypeError, ValueError):
        return None  # a service's name
    text = host.decode("idna") if isinstance(host, bytes) else host
    if isinstance(text, str) and "%" in text:
        return None
    for candidate in (family,) if family else (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(candidate, text)
        except OSError:
            continue
        address = (text, number) if candidate == socket.AF_INET else (text, number, *(*scope, 0, 0)[:2])
        kind = socket.SocketKind(type)
        return socket.AddressFamily(candidate), kind, PROTOCOLS[kind], "", address
    return None


async def resolve(
    loop: AbstractEventLoop, address: Any, *, family: int, type: int, proto: int = 0, flags: int = 0
) -> list[AddressInfo]:
    """Return what address, (host, port) and perhaps more, stands for; OSError where there is nothing.

    Only names come to the loop's `getaddrinfo`, which a program may have replaced.
    """
    host, port = address[:2]
    known = literal(host, port, family, type, proto, *address[2:])
    if known is not None:
        return [known]
    infos = await loop.getaddrinfo(host, port, family=family, type=type, proto=proto, flags=flags)
    if not infos:
        raise OSError(f"getaddrinfo({host!r}) returned empty list")
    return cast(list[AddressInfo], infos)
