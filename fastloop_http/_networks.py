"""Networks that are trusted with something: from an option to a test of addresses."""

import ipaddress
from collections.abc import Iterable
from typing import Self

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# What connects over a Unix socket of this machine.
UNIX = "unix:"

# As the socket module gives it: (host, port, ...) of IP, str or bytes of a Unix socket; None: not known.
Name = tuple[str, int] | tuple[str, int, int, int] | str | bytes | None


def unmapped(ip: IP) -> IP:
    """Return ip, or the IPv4 one that it maps to IPv6 (RFC 4291 section 2.5.5.2)."""
    return ip if ip.version == 4 else ip.ipv4_mapped or ip


def maybe_ip(text: str) -> IP | None:
    """Return the IP that text writes, without a zone; None where it writes none."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if ip.version == 6 and ip.scope_id else unmapped(ip)


class Networks:
    """IP networks, and perhaps the Unix sockets of this machine."""

    def __init__(self, networks: Iterable[IPNetwork], unix: bool) -> None:
        self._networks = tuple(networks)
        self._unix = unix

    def hold(self, host: str | None, unix: bool = False) -> bool:
        """Say whether an IP (None: there is none), or a Unix socket, is among them."""
        if host is None:
            return unix and self._unix
        # A zone says which link; the networks say none.
        ip = maybe_ip(host.partition("%")[0])
        return ip is not None and any(ip in network for network in self._networks)

    def hold_peer(self, name: Name) -> bool:
        """Say whether the peer of a socket is among them."""
        return self.hold(name[0]) if isinstance(name, tuple) else self.hold(None, name is not None)

    @classmethod
    def parsed(cls, option: str, texts: Iterable[str]) -> Self:
        """Return the networks that texts write; ValueError, which names option, where one is wrong."""
        unix = False
        networks = []
        for text in texts:
            if text == UNIX:
                unix = True
            else:
                networks.append(parse_network(option, text))
        return cls(networks, unix)


def parse_network(option: str, text: str) -> IPNetwork:
    """Return the network that text writes; TypeError or ValueError, which names option, where it is none."""
    if not isinstance(text, str):
        raise TypeError(f"{option} must be str like '10.0.0.0/8', not {text!r}")
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        raise ValueError(
            f"{option}: {text!r} is no network; write '10.0.0.0/8', '192.0.2.7', 'fd00::/8' or 'unix:'"
        ) from None
    if "%" in text or (interface.version == 6 and interface.ip.ipv4_mapped is not None):
        raise ValueError(f"{option}: {text!r} would hold nobody; write it as IPv4, or without the zone")
    if interface.ip != interface.network.network_address:
        raise ValueError(f"{option}: {text!r} has bits set behind its prefix; write '{interface.network}'")
    return interface.network


def parse_networks(option: str, texts: Iterable[str]) -> Networks | None:
    """Return the networks of an option, None where there are none.

    Raises TypeError or ValueError, which names the option, where they are no networks.
    """
    if isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
        raise TypeError(f"{option} must be a list of networks, like ['10.0.0.0/8', 'unix:'], not {texts!r}")
    texts = tuple(texts)
    return Networks.parsed(option, texts) if texts else None
