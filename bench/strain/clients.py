"""What the clients of the cases share: sockets, requests, and the plan of a run."""

import random
import socket
import struct
from dataclasses import dataclass

from bench.e2e.addresses import HOST

# struct linger: close() resets the connection.
RESETTING = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Plan:
    """How to strain the server, the same for every case of a run."""

    scale: float    # part of each case's full count
    seconds: float  # timeouts of `slow`
    core: int       # the server's
    other_core: int  # the clients'
    rng: random.Random

    def count(self, full: int, least: int) -> int:
        """Scale a count of a case."""
        return max(round(full * self.scale), least)


def connect(port: int, *, receive_buffer: int | None = None) -> socket.socket:
    """Return a connection that does not block from here on."""
    connection = socket.socket()
    try:
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(10)
        connection.connect((HOST, port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
    except BaseException:
        connection.close()
        raise
    return connection


def reset(connection: socket.socket) -> None:
    """Drop a connection with an RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETTING)
    connection.close()


def request(path: str, method: str = "GET", body: bytes = b"", fields: str = "") -> bytes:
    """Return a request; fields: lines of its own, each with its CRLF."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: site\r\n{length}{fields}\r\n".encode() + body


def exchange(connection: socket.socket, data: bytes) -> bytes:
    """Send a request and return its answer, which has a Content-Length; the connection is to block."""
    connection.sendall(data)
    answer = connection.recv(65536)
    while len(answer) < answer_size(answer):
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {answer[:80]!r}")
        answer += piece
    return answer


def answer_size(start: bytes) -> int:
    """Return the bytes of an answer with a Content-Length; one more than there are without its head."""
    head, end, _ = start.partition(b"\r\n\r\n")
    if not end:
        return len(start) + 1
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return len(head) + 4 + int(fields[b"content-length"])
