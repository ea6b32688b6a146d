"""Slow and silent clients by the thousand, beside one that is neither.

Each connection is slow in one manner until the server ends it: not before its limit, and soon after.
Meanwhile the other client's requests are to be answered as ever.
"""

import itertools
import json
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass

from bench.e2e.servers import on_core
from bench.facts import ROOT
from bench.strain.clients import Plan, connect, request
from bench.strain.figures import Outcome, percentile
from bench.strain.site import Site

CONNECTIONS = 5_000
INTERVAL_S = 0.005

# Slow connections send a byte a second, spread over so many ticks.
TICKS = 10

# Opened in each tick. Opened at once they would end at once, and the steady client would wait for all ends.
OPENED = 100

# After its limit a connection may go on for so long: the server has others to end, and looks now and then.
GRACE_S = 1.0
# One that does not read, for this part of its limit besides: so often the server looks whether it has read.
READ_GRACE = 1 / 8

# A minimum rate that a byte a second does not reach, but that hardly puts off the end.
BODY_BYTES_PER_S = 1000

# Small, so that one who does not read makes the server wait at once.
RECEIVE_BUFFER = 4096

# What is sent at once, and then a byte a second; None: nothing more.
MANNERS: dict[str, tuple[bytes, bytes | None]] = {
    "header": (b"GET / HTTP/1.1\r\nHost: site\r\nX-Slow: ", b"x"),
    "body": (request("/echo", "POST", fields="Content-Length: 100000\r\n"), b"x"),
    "read": (request("/large"), None),
    "silent": (b"", None),
}


@dataclass
class Slow:
    """One slow connection."""

    manner: str
    socket: socket.socket
    began: float
    sent: int = 0  # bytes of a slow body
    received: bytes = b""

    def limit_s(self, seconds: float) -> float:
        """Return how long it may be slow."""
        return seconds + (self.sent / BODY_BYTES_PER_S if self.manner == "body" else 0)


def run(plan: Plan) -> Outcome:
    """Open them all, and be slow until the last has ended."""
    limits = dict.fromkeys(("head_timeout_s", "body_grace_s", "write_timeout_s"), plan.seconds)
    with Site(plan.core, **limits, min_body_bytes_per_s=BODY_BYTES_PER_S) as site, on_core(plan.other_core):
        site.state()
        steady = subprocess.Popen(
            [sys.executable, "-m", "bench.strain.steady", str(site.port), str(INTERVAL_S)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        with steady:
            try:
                assert steady.stdout is not None
                steady.stdout.readline()
                clients = Clients(site, plan)
                clients.be_slow()
                delays = json.loads(steady.communicate("", timeout=20)[0] or "[]")
            finally:
                steady.kill()
        left = site.settle()["connections"] - 1
    faults = clients.faults if delays else [*clients.faults, "the steady client was not answered"]
    figures = {**clients.figures(), "left": left, "asked": len(delays)}
    if delays:
        parts = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
        figures.update({name: percentile(delays, part) for name, part in parts.items()})
    return Outcome(figures, faults)


class Clients:
    """All slow connections to one site."""

    def __init__(self, site: Site, plan: Plan) -> None:
        self.faults: list[str] = []
        self._site = site
        self._seconds = plan.seconds
        self._before = self._most = site.private_bytes()
        self._open: dict[int, Slow] = {}
        self._ends: Counter[str] = Counter()
        self._late: list[float] = []  # seconds from its limit to each end
        self._too_late = 0
        self._epoll = select.epoll()
        self._count = plan.count(CONNECTIONS, 40)
        self._most_open = 0

    def _add(self, manner: str) -> None:
        # Before it connects: the server's clock cannot have begun earlier.
        began = time.monotonic()
        connection = connect(self._site.port, receive_buffer=RECEIVE_BUFFER if manner == "read" else None)
        connection.send(MANNERS[manner][0])
        self._open[connection.fileno()] = Slow(manner, connection, began)
        # EPOLLERR and EPOLLHUP come unasked, so one who does not read hears of its reset too.
        self._epoll.register(connection, 0 if manner == "read" else select.EPOLLIN)

    def be_slow(self) -> None:
        """Send a byte a second on each that sends at all, until all have ended or should have."""
        manners = itertools.islice(itertools.cycle(MANNERS), self._count)
        next_tick = time.monotonic()
        deadline = next_tick + self._count / OPENED / TICKS + 2 * self._seconds + GRACE_S
        for tick in itertools.count():
            for manner in itertools.islice(manners, OPENED):
                self._add(manner)
            if not self._open or time.monotonic() > deadline:
                break
            self._most_open = max(self._most_open, len(self._open))
            for slow in [each for fd, each in self._open.items() if fd % TICKS == tick % TICKS]:
                self._send_byte(slow)
            if tick % TICKS == 0:
                self._most = max(self._most, self._site.private_bytes())
            next_tick += 1 / TICKS
            while (wait := next_tick - time.monotonic()) > 0 and self._open:
                for fd, _ in self._epoll.poll(wait):
                    self._on_ready(self._open[fd])
        if self._open:
            left = Counter(slow.manner for slow in self._open.values())
            self.faults.append(f"never ended: {dict(left)}")
        for slow in self._open.values():
            slow.socket.close()
        self._epoll.close()

    def _send_byte(self, slow: Slow) -> None:
        byte = MANNERS[slow.manner][1]
        if byte is not None:
            try:
                slow.sent += slow.socket.send(byte)
            except OSError:
                # The server has ended it; the poll says so, and when.
                return

    def _on_ready(self, slow: Slow) -> None:
        if slow.manner == "read":
            # What has come is left unread. An error is what it was reset with.
            error = slow.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._end(slow, "reset" if error else "closed")
            return
        try:
            data = slow.socket.recv(65536)
        except ConnectionError:
            self._end(slow, "reset")
            return
        slow.received += data
        if not data:
            self._end(slow, slow.received[9:12].decode() or "closed")

    def _end(self, slow: Slow, how: str) -> None:
        late = time.monotonic() - slow.began - slow.limit_s(self._seconds)
        self._late.append(late)
        self._too_late += late > GRACE_S + (self._seconds * READ_GRACE if slow.manner == "read" else 0)
        self._ends[f"{slow.manner}: {how}"] += 1
        del self._open[slow.socket.fileno()]
        slow.socket.close()

    def figures(self) -> dict[str, float]:
        """Return what came of them."""
        return {
            "connections": self._count,
            "open_at_once": self._most_open,
            "bytes_each": (self._most - self._before) / self._count,
            "early": sum(late < 0 for late in self._late),
            "late": self._too_late,
            "latest_s": max(self._late, default=0.0),
            **dict(sorted(self._ends.items())),
        }
