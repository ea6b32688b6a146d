"""Where servers listen, and how to reach them: ports of 127.0.0.1, and Unix sockets named after them."""

import contextlib
import random
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from bench.e2e.cases import Transport

HOST = "127.0.0.1"

# A datagram that is not answered in this time is asked again.
DATAGRAM_SECONDS = 0.2


@dataclass(frozen=True)
class Address:
    """One server's address. Every one has a port, even where a Unix socket in `folder` is what listens."""

    transport: Transport
    port: int
    folder: Path

    @property
    def path(self) -> Path:
        """The Unix socket."""
        return self.folder / f"{self.port}.sock"

    def __str__(self) -> str:
        """What the compiled peers are told: the path, or the port."""
        return str(self.path if self.transport == "unix" else self.port)

    def connect(self, timeout: float) -> socket.socket:
        """Connect. Over TLS no certificate is verified: each bench makes its own."""
        if self.transport == "udp":
            connection = socket.socket(type=socket.SOCK_DGRAM)
        elif self.transport == "unix":
            connection = socket.socket(socket.AF_UNIX)
        else:
            connection = socket.socket()
        try:
            connection.settimeout(timeout)
            connection.connect(str(self.path) if self.transport == "unix" else (HOST, self.port))
            if self.transport == "tls":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                return context.wrap_socket(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def is_up(self) -> bool:
        """Say whether somebody listens; of datagrams nobody knows before one is answered."""
        with contextlib.suppress(OSError), self.connect(1.0) as connection:
            if self.transport != "udp":
                return True
            connection.settimeout(DATAGRAM_SECONDS)
            connection.send(b"are you there?")
            return bool(connection.recv(64))
        return False


def free_ports(count: int) -> list[int]:
    """Pick ports that are free together with their two neighbours: some peers listen on two.

    Below the ephemeral range, so that no connection of a load takes one before its server does.
    """
    ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = list(range(max(1025, ephemeral - 20_000), ephemeral - 1, 3))
    random.shuffle(candidates)
    ports: list[int] = []
    for port in candidates:
        if len(ports) == count:
            break
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for each in (port - 1, port, port + 1):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    probes.enter_context(socket.socket(type=kind)).bind((HOST, each))
            ports.append(port)
    if len(ports) < count:
        raise RuntimeError(f"only {len(ports)} of {count} ports are free on {HOST}")
    return ports
