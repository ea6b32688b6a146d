"""Addresses: what a server is to listen on, as text. Parses and formats; opens nothing."""

import socket
from asyncio.trsock import TransportSocket
from dataclasses import dataclass

# Bytes of a Unix socket's path: sun_path has 108, the last a NUL (unix(7)).
MAX_PATH = 107


@dataclass(frozen=True, slots=True)
class HostAddress:
    """"host:port": every address of host; None: all interfaces."""

    text: str
    host: str | None
    port: int


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """"unix:PATH": a socket file."""

    text: str
    path: str


@dataclass(frozen=True, slots=True)
class DescriptorAddress:
    """"fd:N": an inherited listening socket."""

    text: str
    descriptor: int


@dataclass(frozen=True, slots=True)
class SystemdAddress:
    """"systemd:" or "systemd:NAME": the sockets of socket activation, or those of one name."""

    text: str
    name: str | None


Address = HostAddress | UnixAddress | DescriptorAddress | SystemdAddress


def parse_address(text: str) -> Address:
    """Return what the address text means; ValueError, naming it and the remedy, where it means nothing."""
    if not isinstance(text, str):
        raise TypeError(f"an address is a str like '127.0.0.1:3000', not {type(text).__name__}")
    kind, _, rest = text.partition(":")
    if kind == "unix":
        return UnixAddress(text, _checked_path(text, rest))
    if kind == "fd":
        if not (rest.isascii() and rest.isdigit()) or len(rest) > 9:
            raise ValueError(
                f"address {text!r} names no descriptor; write 'fd:3' with the number of an inherited socket"
            )
        return DescriptorAddress(text, int(rest))
    if kind == "systemd":
        return SystemdAddress(text, rest or None)
    host, colon, port = text.rpartition(":")
    if host in ("", "*"):
        name = None
    elif host.startswith("[") and host.endswith("]"):
        name = host[1:-1]
    else:
        name = "" if ":" in host or "/" in host else host
    if not colon or name == "" or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(
            f"address {text!r} is not host:port; write '127.0.0.1:3000', '[::1]:3000', 'localhost:3000', "
            f"':3000' for all interfaces, 'unix:PATH', 'fd:N' or 'systemd:'"
        )
    return HostAddress(text, name, int(port))


def parse_addresses(texts: tuple[str, ...]) -> list[Address]:
    """Return what each of texts means; ValueError where one means nothing or there is none."""
    if not texts:
        raise ValueError("there is no address to listen on; name one, like '127.0.0.1:3000'")
    return [parse_address(text) for text in texts]


def _checked_path(text: str, path: str) -> str:
    size = len(path.encode("utf-8", "surrogateescape"))
    if not path or "\0" in path:
        raise ValueError(f"address {text!r} names no socket file; write 'unix:/run/app.sock'")
    if size > MAX_PATH:
        raise ValueError(
            f"address {text!r}: path too long: {size} bytes, limit {MAX_PATH}; choose a shorter one, or one "
            f"relative to the working directory"
        )
    return path


def format_address(sock: socket.socket | TransportSocket) -> str:
    """Return the address that sock listens on, in the form that parse_address takes."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        # Abstract ones are inherited only, and begin with a NUL.
        return f"unix:{name.decode() if isinstance(name, bytes) else name}"
    host, port = name[:2]
    if sock.family == socket.AF_INET6:
        return f"[{socket.getnameinfo(name, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]}]:{port}"
    return f"{host}:{port}"
