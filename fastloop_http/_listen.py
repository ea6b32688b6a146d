"""Listening sockets: from addresses to sockets that are bound; either all of them or none."""

import asyncio
import contextlib
import errno
import os
import resource
import socket
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from fastloop._dns import AddressInfo
from fastloop._sockets import listening_sockets
from fastloop_http._addresses import (
    Address,
    DescriptorAddress,
    HostAddress,
    SystemdAddress,
    UnixAddress,
)

# The first descriptor of socket activation (sd_listen_fds(3)).
FIRST_PASSED = 3

# How often to ask the kernel for another port, where the one it gave is not free on the address's other IPs.
PORT_TRIES = 16

# Bytes the kernel takes for a client before there is room to send them. Without a limit it keeps megabytes
# for each that does not read, and a few hundred of these leave the machine without memory for TCP (tcp_mem
# in tcp(7)).
UNSENT_BYTES = 128 * 1024


@dataclass(slots=True)
class Bound:
    """Sockets that are bound, and the socket files that were made for them."""

    sockets: list[socket.socket] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def close(self) -> None:
        """Take back what was made so far."""
        for sock in self.sockets:
            sock.close()
        for path in self.files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


async def bind(
    loop: asyncio.AbstractEventLoop, addresses: Iterable[Address], *, reuse_port: bool, unix_mode: int | None
) -> Bound:
    """Return a bound, non-blocking socket for each that addresses mean; on an error none stays open.

    Raises ValueError for an inherited one that is no listening stream socket, before anything is bound, and
    OSError for what cannot be bound.
    """
    bound = Bound()
    try:
        for descriptor, text in inherited(addresses):
            bound.sockets.append(adopt(descriptor, text))
        for address in addresses:
            if isinstance(address, HostAddress):
                bound.sockets += bind_host(address, await resolve(loop, address), reuse_port)
            elif isinstance(address, UnixAddress):
                bind_unix(bound, address, unix_mode)
        for sock in bound.sockets:
            if sock.family != socket.AF_UNIX:
                # Connections inherit it from the socket that accepts them.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    except BaseException:
        bound.close()
        raise
    return bound


# TCP.

async def resolve(loop: asyncio.AbstractEventLoop, address: HostAddress) -> list[AddressInfo]:
    """Return every IP of address; all interfaces are two."""
    if address.host is None:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("::", address.port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("0.0.0.0", address.port)),
        ]
    try:
        infos = await loop.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as exc:
        raise socket.gaierror(
            exc.errno, f"address {address.text!r}: {exc.strerror}; name a host of this machine"
        ) from None
    # A name may be listed twice.
    return list(dict.fromkeys(infos))


def bind_host(address: HostAddress, infos: list[AddressInfo], reuse_port: bool) -> list[socket.socket]:
    """Return a socket for each of infos, all with the same port, also where the kernel chooses it."""
    tries = PORT_TRIES if address.port == 0 and len(infos) > 1 else 1
    while True:
        tries -= 1
        try:
            return bind_all(infos, address.port, reuse_port)
        except OSError as exc:
            # Of a port that the kernel chose: it was free on the first IP, and is not on another.
            if exc.errno != errno.EADDRINUSE or tries == 0:
                raise OSError(exc.errno, f"address {address.text!r}: {exc.strerror}") from None


def bind_all(infos: list[AddressInfo], port: int, reuse_port: bool) -> list[socket.socket]:
    """Return a socket for each of infos, all on port; 0: on the one that the first gets.

    An IP that this machine lacks, such as any of IPv6 where that is turned off, is passed over if there are
    others.
    """
    sockets: list[socket.socket] = []
    with contextlib.ExitStack() as undo:
        for family, kind, protocol, _, name in infos:
            info: AddressInfo = family, kind, protocol, "", (name[0], port, *name[2:])
            try:
                sockets += listening_sockets(
                    [info], reuse_address=True, reuse_port=reuse_port, keep_alive=False
                )
            except OSError as exc:
                if exc.errno != errno.EADDRNOTAVAIL:
                    raise
            else:
                undo.callback(sockets[-1].close)
                port = sockets[-1].getsockname()[1]
        if not sockets:
            tried = ", ".join(str(info[4][0]) for info in infos)
            why = f"{tried} is not of this machine; name an IP that is, or leave it out"
            raise OSError(errno.EADDRNOTAVAIL, why)
        undo.pop_all()
    return sockets


# Unix.

def bind_unix(bound: Bound, address: UnixAddress, mode: int | None) -> None:
    """Bind a socket file of permissions mode (None: by the umask), in place of one that nobody listens on."""
    path = address.path
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    bound.sockets.append(sock)
    try:
        remove_stale(path)
        if mode is not None:
            # The file takes it from the socket, less the umask: at no time is it open to more than mode says.
            os.fchmod(sock.fileno(), mode)
        sock.bind(path)
        bound.files.append(path)
        if mode is not None:
            os.chmod(path, mode)
    except OSError as exc:
        raise OSError(exc.errno, f"address {address.text!r}: {exc.strerror}") from None


def remove_stale(path: str) -> None:
    """Remove the socket file at path, if nobody listens on it; OSError where it is in use or no socket."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, f"there is a file at {path!r} that is no socket; choose another path")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # its queue is full
    raise OSError(errno.EADDRINUSE, f"{path!r} is in use; end the server on it, or choose another path")


# Inherited.

def inherited(addresses: Iterable[Address]) -> list[tuple[int, str]]:
    """Return the descriptors that addresses mean, each with the address's text; ValueError for one twice."""
    found: dict[int, str] = {}
    for address in addresses:
        if isinstance(address, DescriptorAddress):
            descriptors = [address.descriptor]
        elif isinstance(address, SystemdAddress):
            descriptors = passed_descriptors(address)
        else:
            continue
        for descriptor in descriptors:
            if descriptor in found:
                raise ValueError(
                    f"address {address.text!r}: descriptor {descriptor} is meant by {found[descriptor]!r} "
                    f"too; name it once"
                )
            found[descriptor] = address.text
    return list(found.items())


def passed_descriptors(address: SystemdAddress) -> list[int]:
    """Return the descriptors of socket activation (sd_listen_fds(3)) that address means."""
    count, pid = os.environ.get("LISTEN_FDS", ""), os.environ.get("LISTEN_PID", "")
    if not (count.isascii() and count.isdigit() and int(count)):
        raise ValueError(
            f"address {address.text!r}: no sockets were passed, LISTEN_FDS is {count!r}; start the program "
            f"by a .socket unit or systemd-socket-activate, or name host:port"
        )
    if pid != str(os.getpid()):
        raise ValueError(
            f"address {address.text!r}: the sockets were passed to process {pid!r} (LISTEN_PID), and this is "
            f"{os.getpid()}; have what starts the program exec it"
        )
    descriptors = list(range(FIRST_PASSED, FIRST_PASSED + int(count)))
    if address.name is None:
        return descriptors
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    named = [each for each, name in zip(descriptors, names, strict=False) if name == address.name]
    if not named:
        raise ValueError(
            f"address {address.text!r}: no socket of that name was passed, only {names}; set "
            f"FileDescriptorName= in its .socket unit"
        )
    return named


def adopt(descriptor: int, text: str) -> socket.socket:
    """Return the inherited listening socket of descriptor, taken over; ValueError for anything else."""
    what = f"address {text!r}: descriptor {descriptor}"
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError as exc:
        why = "is not open" if exc.errno == errno.EBADF else "is no socket"
        raise ValueError(f"{what} {why}; pass a listening socket under that number") from None
    families = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
    listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if sock.family not in families or sock.type != socket.SOCK_STREAM or not listens:
        # Not ours to close.
        sock.detach()
        raise ValueError(f"{what} is no listening stream socket; pass one that listen() was called on")
    sock.setblocking(False)
    # A program that a handler starts has no business with it.
    sock.set_inheritable(False)
    return sock


# Descriptors.

def default_max_connections() -> int:
    """Return how many connections there are descriptors for.

    What is open already is not free, and an eighth of the limit is kept: handlers open files and connections
    of their own, and name lookups need some. Out of descriptors none of that would work, and not even the
    connections that are open could be served.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, limit - limit // 8 - len(os.listdir("/proc/self/fd")))
