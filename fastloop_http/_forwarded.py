"""Forwarded (RFC 7239) and X-Forwarded-*: who has sent a request, as far as trusted proxies tell it.

What the client itself has written is never taken for a proxy's word: the fields are read from their end,
where the nearest proxy adds to them, and no further than the addresses they name are trusted.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Self

from fastloop_http._h1.request import Headers
from fastloop_http._networks import Networks, maybe_ip, parse_networks

Client = tuple[str, int] | None  # IP and port, 0 where that is not known; None: not known, or none


class Hop(NamedTuple):
    """What one proxy says of whoever sent it the request, as it writes it; None: nothing."""

    node: str | None
    proto: str | None
    host: str | None


# Not to be told, or not to be understood: the proxy knows, and we do not.
UNKNOWN = Hop("unknown", None, None)

# A WebSocket handshake is HTTP; some proxies name it by its URL.
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}

# Host and perhaps port (RFC 3986 section 3.2.2), with no userinfo.
HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+)(?::[0-9]{0,5})?")

NODE = re.compile(r"(?:\[(?P<ip6>[^]%]+)\]|(?P<ip4>[0-9.]+))(?::(?:(?P<port>[0-9]{1,5})|_[A-Za-z0-9._-]+))?")

# forwarded-pair (RFC 7239 section 4): token "=" ( token / quoted-string ).
TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
PAIR = re.compile(rf'({TOKEN})=(?:({TOKEN})|"((?:[^"\\]|\\.)*)")(?:;|$)')


def maybe_client(node: str) -> Client:
    """Return IP and port of a node (RFC 7239 section 6); None where it hides them or is malformed."""
    bare = maybe_ip(node) if ":" in node else None  # of IPv6 with no brackets, as X-Forwarded-For has it
    found = None if bare else NODE.fullmatch(node)
    if found is not None:
        bare = maybe_ip(found["ip6"] or found["ip4"])
        if bare is None or int(found["port"] or 0) > 65535:
            return None
        return str(bare), int(found["port"] or 0)
    return None if bare is None else (str(bare), 0)


def x_forwarded(headers: Headers) -> Iterator[Hop]:
    """Yield what X-Forwarded-For, -Proto and -Host say, of the nearest hop first.

    -Proto and -Host have an element for each hop, or a single one, of the hop that is asked for.
    """
    nodes, protos, hosts = (
        [element for each in headers.getall(f"x-forwarded-{name}") for element in elements(each)]
        for name in ("for", "proto", "host")
    )

    def of_hop(values: list[str], hop: int) -> str | None:
        return values[-hop] if hop <= len(values) else values[0] if len(values) == 1 else None

    if not nodes:
        yield Hop(None, of_hop(protos, 1), of_hop(hosts, 1))
    for hop, node in enumerate(reversed(nodes), 1):
        yield Hop(node, of_hop(protos, hop), of_hop(hosts, hop))


def elements(value: str) -> list[str]:
    """Return the elements of a list (RFC 9110 section 5.6.1), the empty ones left out."""
    return [element for each in value.split(",") if (element := each.strip(" \t"))]


def forwarded(headers: Headers) -> Iterator[Hop]:
    """Yield what Forwarded says, of the nearest hop first."""
    value = ",".join(headers.getall("forwarded"))
    end = len(value)
    while end > 0:
        start = element_start(value, end)
        element = value[start:end].strip(" \t")
        end = start - 1
        if element:
            yield parse_element(element)


def element_start(value: str, end: int) -> int:
    """Return where the last element of value[:end], which is of Forwarded, begins.

    Read from its end: a quotation mark that a client has left open must not swallow what proxies add.
    """
    quoted = False
    for at in range(end - 1, -1, -1):
        if value[at] == '"':
            escapes = at
            while quoted and escapes and value[escapes - 1] == "\\":
                escapes -= 1
            # Behind an odd number of them it belongs to the quoted string.
            if (at - escapes) % 2 == 0:
                quoted = not quoted
        elif value[at] == "," and not quoted:
            return at + 1
    return 0


def parse_element(element: str) -> Hop:
    """Return what an element of Forwarded says: nothing, but that there is a client, if it is malformed."""
    said: dict[str, str] = {}
    at = 0
    while at < len(element):
        pair = PAIR.match(element, at)
        if pair is None or (name := pair[1].lower()) in said:
            return UNKNOWN
        said[name] = pair[2] if pair[3] is None else re.sub(r"\\(.)", r"\1", pair[3])
        at = pair.end()
    return Hop(said.get("for", "unknown"), said.get("proto"), said.get("host"))


FIELDS: dict[str, Callable[[Headers], Iterator[Hop]]] = {"forwarded": forwarded, "x-forwarded": x_forwarded}


class Forwarding:
    """Which proxies are believed, and by which fields."""

    def __init__(self, trusted: Networks, hops: Callable[[Headers], Iterator[Hop]]) -> None:
        self._trusted = trusted
        self._hops = hops

    @classmethod
    def checked(cls, trusted_proxies: Iterable[str], forwarded_fields: str | None) -> Self | None:
        """Return what the options ask for, None where nobody is believed.

        Raises TypeError or ValueError, which names the option.
        """
        trusted = parse_networks("trusted_proxies", trusted_proxies)
        if forwarded_fields not in (None, *FIELDS):
            raise ValueError(f"forwarded_fields must be one of {list(FIELDS)}, not {forwarded_fields!r}")
        if trusted is None:
            if forwarded_fields is not None:
                raise ValueError("forwarded_fields means nothing without trusted_proxies; give both")
            return None
        if forwarded_fields is None:
            # No default: a proxy that sets one kind passes on what clients write in the other.
            raise ValueError(
                f"trusted_proxies needs forwarded_fields, one of {list(FIELDS)}: those that the proxies set"
            )
        return cls(trusted, FIELDS[forwarded_fields])

    def sender(
        self, client: Client, unix: bool, scheme: str, headers: Headers
    ) -> tuple[Client, str, str | None]:
        """Return client, scheme and host (None: the request's own) of a request that came from client.

        unix: over a Unix socket, and client is None. scheme: of the connection.
        """
        hop = Hop(None, None, None)
        if self._trusted.hold(client and client[0], unix):
            for hop in self._hops(headers):
                if hop.node is None:
                    break
                client = maybe_client(hop.node)
                if client is None or not self._trusted.hold(client[0]):
                    break
        host = hop.host if hop.host is not None and HOST.fullmatch(hop.host) else None
        return client, SCHEMES.get((hop.proto or "").lower(), scheme), host
