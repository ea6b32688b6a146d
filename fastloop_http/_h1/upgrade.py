"""Upgrade: the answer behind which a connection is another protocol's (RFC 9110 sections 7.8 and 9.3.6).

Knows the words of a request, not sockets: it is the connection that hands itself over.
"""

import re
from collections.abc import Callable, Iterable, Mapping

# protocol-name ["/" protocol-version], RFC 9110 section 7.8.
PROTOCOL = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?", re.ASCII)


class Upgrade:
    """An answer that hands the connection to another protocol: 101, or 200 and the tunnel for CONNECT.

    protocol_factory: called without arguments, returns an asyncio protocol or a compiled one; what it raises
    is answered with 500. Then the answer is sent, and the protocol has the transport as one just made:
    `connection_made`, the bytes that came behind the request, and from there on whatever a transport tells.
    No timeout of the server applies any more. protocol: what the request has to list in Upgrade, in any
    case, such as "websocket" or "HTTP/2.0", else it is answered with 426; None for CONNECT, which has none.
    headers: of the answer, a mapping or an iterable of pairs of str.

    What the handler has not read of a body is dropped before, up to the server's max_body_bytes, else 413.
    """

    __slots__ = ("headers", "protocol", "protocol_factory")

    def __init__(
        self,
        protocol_factory: Callable[[], object],
        *,
        protocol: str | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> None:
        if not callable(protocol_factory):
            raise TypeError(f"Upgrade takes a function that returns a protocol, not {protocol_factory!r}")
        if protocol is not None and not (isinstance(protocol, str) and PROTOCOL.fullmatch(protocol)):
            raise ValueError(
                f"protocol must be name or name/version, both tokens (RFC 9110 section 7.8), not {protocol!r}"
            )
        self.protocol_factory: Callable[[], object] = protocol_factory
        self.protocol: str | None = protocol
        self.headers: Mapping[str, str] | Iterable[tuple[str, str]] = headers

    def is_listed(self, fields: Iterable[str]) -> bool:
        """Say whether the Upgrade fields of a request list the protocol."""
        assert self.protocol is not None
        wanted = self.protocol.lower()
        return any(listed.strip(" \t").lower() == wanted for field in fields for listed in field.split(","))
