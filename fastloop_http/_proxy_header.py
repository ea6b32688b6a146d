"""The header of the PROXY protocol, versions 1 and 2: from bytes to addresses.

As haproxy's proxy-protocol.txt has it. Knows bytes, not sockets.
"""

import ipaddress
import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from fastloop_http._networks import IP, unmapped

# Version 1: a line, with its CRLF.
V1 = b"PROXY "
MAX_V1 = 107
V1_FAMILIES: dict[str, Callable[[str], IP]] = {"TCP4": ipaddress.IPv4Address, "TCP6": ipaddress.IPv6Address}

# Version 2: signature, version and command, family and protocol, size of what follows.
V2 = b"\r\n\r\n\0\r\nQUIT\n"
START = struct.Struct("!12sBBH")
# Bytes of a header of version 2 that are taken: the fields behind the addresses may carry a certificate.
MAX_V2 = 16 * 1024

LOCAL, PROXY = 0x20, 0x21

UNSPEC = 0x00
# By family and protocol: the size of the addresses, and how two IPs and two ports lie in them. A client may
# have come to the proxy by UDP, as those of HTTP/3 do.
IP4 = struct.Struct("!4s4sHH")
IP6 = struct.Struct("!16s16sHH")
UNIX_SIZE = 216
FAMILIES = {0x11: IP4, 0x12: IP4, 0x21: IP6, 0x22: IP6}
UNIX_FAMILIES = (0x31, 0x32)

# Type-length-value fields behind the addresses.
CRC32C = 0x03
SSL = 0x20
CLIENT_SSL = 0x01  # of the first byte of an SSL field: the client came over TLS

Client = tuple[str, int]

PORT = re.compile(r"0|[1-9][0-9]{0,4}")


class Header(NamedTuple):
    """A header that is complete, size bytes."""

    size: int
    proxied: bool  # for a client, rather than of the proxy's own accord, or for it knows not whom
    client: Client | None = None  # None: one of a Unix socket
    tls: bool = False  # the client came to the proxy over TLS


def parse_header(data: bytes | bytearray) -> Header | None:
    """Return the header that data begins with, None while it is not complete; ValueError if it is none."""
    if V2.startswith(data[:len(V2)]):
        return parse_v2(data)
    if V1.startswith(data[:len(V1)]):
        return parse_v1(data)
    raise ValueError("there is none")


def parse_v1(data: bytes | bytearray) -> Header | None:
    """Return the header of version 1 that data begins with, None while it is not complete."""
    line, end, _ = bytes(data[:MAX_V1]).partition(b"\r\n")
    if not end:
        if len(data) >= MAX_V1:
            raise ValueError(f"line too long, limit {MAX_V1} bytes")
        return None
    size = len(line) + len(end)
    family, *rest = line.decode("latin-1").split(" ")[1:]
    if family == "UNKNOWN":
        return Header(size, False)
    address = V1_FAMILIES.get(family)
    if address is None or len(rest) != 4:
        raise ValueError("a line that is none of TCP4, TCP6 and UNKNOWN with their addresses")
    host, other_host, port, other_port = rest
    for text in (port, other_port):
        if not PORT.fullmatch(text) or int(text) > 65535:
            raise ValueError("a port that is none")
    if "%" in host + other_host:
        raise ValueError("an address with a zone")
    address(other_host)
    return Header(size, True, (str(unmapped(address(host))), int(port)))


def parse_v2(data: bytes | bytearray) -> Header | None:
    """Return the header of version 2 that data begins with, None while it is not complete."""
    if len(data) < START.size:
        return None
    _, command, family, size = START.unpack_from(data)
    if command not in (LOCAL, PROXY):
        raise ValueError(f"version and command {command:#04x}, known are {LOCAL:#04x} and {PROXY:#04x}")
    size += START.size
    if size > MAX_V2:
        raise ValueError(f"too large: {size} bytes, limit {MAX_V2}")
    if len(data) < size:
        return None
    if command == LOCAL or family == UNSPEC:
        return Header(size, False)
    header = bytes(data[:size])
    client = None
    if family in UNIX_FAMILIES:
        addresses = UNIX_SIZE
    elif family in FAMILIES:
        addresses = FAMILIES[family].size
    else:
        raise ValueError(f"family and protocol {family:#04x}")
    if size < START.size + addresses:
        raise ValueError(f"addresses cut short: {size - START.size} bytes of {addresses}")
    if family in FAMILIES:
        packed, _, port, _ = FAMILIES[family].unpack_from(header, START.size)
        ip = ipaddress.IPv4Address(packed) if len(packed) == 4 else ipaddress.IPv6Address(packed)
        client = (str(unmapped(ip)), port)
    return Header(size, True, client, parse_fields(header, START.size + addresses))


def parse_fields(header: bytes, at: int) -> bool:
    """Check the fields behind the addresses of a header; return whether they say that the client has TLS."""
    tls = False
    while at < len(header):
        if len(header) - at < 3:
            raise ValueError("a field cut short")
        kind, size = struct.unpack_from("!BH", header, at)
        at += 3
        if len(header) - at < size:
            raise ValueError("a field cut short")
        if kind == CRC32C:
            if size != 4 or header[at:at + 4] != crc32c(header[:at] + bytes(4) + header[at + 4:]):
                raise ValueError("its CRC32C is wrong")
        elif kind == SSL:
            if size < 5:
                raise ValueError("a field cut short")
            tls = bool(header[at] & CLIENT_SSL)
        at += size
    return tls


def crc32c(data: bytes) -> bytes:
    """Return the CRC32C of data (RFC 3720 appendix B.4), its most significant byte first."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CASTAGNOLI[(crc ^ byte) & 0xFF] ^ crc >> 8
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "big")


def crc_of(byte: int) -> int:
    """Return the remainder of one byte, by the polynomial of Castagnoli with its bits reversed."""
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


CASTAGNOLI = tuple(map(crc_of, range(256)))
