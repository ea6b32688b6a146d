"""A million requests in every manner, failures among them: the server keeps nothing of them, and loses none.

In slices, each on connections of its own. After each slice all are closed, and what the server holds then is
compared with what it held after the first.
"""

import random
import select
import socket
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Literal

from bench.e2e.addresses import HOST
from bench.e2e.servers import on_core
from bench.strain.clients import Plan, answer_size, connect, exchange, request, reset
from bench.strain.figures import Outcome
from bench.strain.site import Site

REQUESTS = 1_000_000
SLICES = 5
CONNECTIONS = 64

# A client leaves so long after it has sent what is not going to be answered.
LEAVE_AFTER_S = 0.005

# Until the server takes a client that has closed for gone: by default it waits 5 s, here after each slice.
HALF_CLOSE_S = 1.0

# What has not been answered by then is not going to be.
STALLED_S = 20.0

POST = request("/echo", "POST", b"p" * 1000)
PIPELINED = 16


@dataclass(frozen=True)
class Manner:
    """One thing that a client does; in `weight` of all cases."""

    weight: float
    data: bytes
    requests: int  # complete ones in data
    status: bytes = b"200"
    # When the client drops the connection; "": it takes its answers and keeps it.
    leaves: Literal["", "soon", "in the answer"] = ""


MANNERS: dict[str, Manner] = {
    "plain": Manner(50, request("/"), 1),
    "pipelined": Manner(3, request("/") * PIPELINED, PIPELINED),
    "post": Manner(8, POST, 1),
    "fails": Manner(1.2, request("/fail"), 1, b"500"),
    "gives up": Manner(0.1, request("/late"), 1, b"504"),
    "hangs": Manner(0.2, request("/hang"), 1, leaves="soon"),
    "half a head": Manner(0.2, request("/")[:-6], 0, leaves="soon"),
    "half a body": Manner(0.2, POST[:-500], 0, leaves="soon"),
    "half an answer": Manner(0.2, request("/large"), 1, leaves="in the answer"),
}


@dataclass
class Tally:
    """What has become of the requests that were sent whole."""

    sent: int = 0
    answered: int = 0
    left: int = 0  # their client has gone before the answer, or in it
    lost: int = 0  # the server has
    failed: int = 0  # answered with 500
    cut: int = 0  # connections dropped by their client, in whatever manner
    faults: Counter[str] = field(default_factory=Counter)


def run(plan: Plan) -> Outcome:
    """Send all slices, and compare."""
    requests = plan.count(REQUESTS, SLICES * 1000) // SLICES
    tally = Tally()
    states, private = [], []
    with Site(plan.core, half_close_timeout_s=HALF_CLOSE_S) as site, on_core(plan.other_core):
        sizes = _answer_sizes(site.port)
        before = site.settle()
        began = time.monotonic()
        for _ in range(SLICES):
            Load(site.port, sizes, requests, plan.rng, tally).run()
            states.append(site.settle())
            private.append(site.private_bytes())
        elapsed = time.monotonic() - began
    after = states[-1]
    figures = {
        "sent": tally.sent, "answered": tally.answered, "left": tally.left, "lost": tally.lost,
        "unaccounted": abs(tally.sent - tally.answered - tally.left - tally.lost),
        "failed": tally.failed, "not_logged": abs(tally.failed - after["logged"] + before["logged"]),
        "cut": tally.cut,
        **{f"{name}_left": after[name] - before[name] for name in ("connections", "descriptors", "tasks")},
        "private_mib": private[-1] / 2**20,
        "grown_kib": (private[-1] - private[0]) / 1024,
        "seconds": elapsed,
    }
    return Outcome(figures, [f"{count} times: {fault}" for fault, count in tally.faults.items()])


def _answer_sizes(port: int) -> dict[str, int]:
    """Return the bytes of the answer to each manner that takes one; the date is as long every time."""
    with socket.create_connection((HOST, port), timeout=STALLED_S) as connection:
        return {
            name: answer_size(exchange(connection, manner.data[: len(manner.data) // manner.requests]))
            for name, manner in MANNERS.items()
            if not manner.leaves
        }


class Slot:
    """One connection after the other, and what it is asked now."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.name = ""
        self.missing = 0  # bytes of the answers that are to come
        self.received: list[bytes] = []


class Load:
    """So many requests, on connections in turn."""

    def __init__(
        self, port: int, sizes: dict[str, int], requests: int, rng: random.Random, tally: Tally
    ) -> None:
        self._port = port
        self._sizes = sizes
        self._end = tally.sent + requests
        self._names = rng.choices(list(MANNERS), [each.weight for each in MANNERS.values()], k=10_000)
        self._turn = 0
        self._tally = tally
        self._epoll = select.epoll()
        self._slots: dict[int, Slot] = {}
        self._leaving: deque[tuple[float, Slot]] = deque()

    def run(self) -> None:
        """Send all, and close."""
        for _ in range(CONNECTIONS):
            self._open()
        last = time.monotonic()
        while self._slots:
            for fd, _ in self._epoll.poll(LEAVE_AFTER_S):
                self._on_ready(self._slots[fd])
                last = time.monotonic()
            while self._leaving and self._leaving[0][0] < time.monotonic():
                last = time.monotonic()
                self._leave(self._leaving.popleft()[1])
            if time.monotonic() - last > STALLED_S:
                for slot in list(self._slots.values()):
                    self._lose(slot, "never answered")
        self._epoll.close()

    def _open(self) -> None:
        slot = Slot(connect(self._port))
        self._slots[slot.connection.fileno()] = slot
        self._epoll.register(slot.connection, select.EPOLLIN)
        self._ask(slot)

    def _ask(self, slot: Slot) -> None:
        if self._tally.sent >= self._end:
            self._close(slot)
            return
        self._turn += 1
        slot.name = self._names[self._turn % len(self._names)]
        manner = MANNERS[slot.name]
        self._tally.sent += manner.requests
        slot.missing = 0 if manner.leaves else self._sizes[slot.name] * manner.requests
        slot.received.clear()
        try:
            sent = slot.connection.send(manner.data)
        except ConnectionError as error:
            self._lose(slot, f"sending failed with {type(error).__name__}")
            return
        # What an empty socket buffer does not take would have to be waited for.
        assert sent == len(manner.data)
        if manner.leaves == "soon":
            self._leaving.append((time.monotonic() + LEAVE_AFTER_S, slot))

    def _on_ready(self, slot: Slot) -> None:
        manner = MANNERS[slot.name]
        try:
            data = slot.connection.recv(65536)
        except ConnectionError as error:
            self._lose(slot, f"receiving failed with {type(error).__name__}")
            return
        if not data:
            self._lose(slot, "closed by the server")
        elif manner.leaves == "in the answer":
            self._leave(slot)
        else:
            slot.missing -= len(data)
            slot.received.append(data)
            if slot.missing <= 0:
                self._check(slot, manner)

    def _check(self, slot: Slot, manner: Manner) -> None:
        answers = b"".join(slot.received)
        if slot.missing or answers.count(b"HTTP/1.1 " + manner.status) != manner.requests:
            self._lose(slot, f"answered {answers[:80]!r}")
            return
        self._tally.answered += manner.requests
        self._tally.failed += manner.status == b"500"
        self._ask(slot)

    def _leave(self, slot: Slot) -> None:
        if slot.connection.fileno() >= 0:
            self._tally.left += MANNERS[slot.name].requests
            self._tally.cut += 1
            self._close(slot, resetting=self._turn % 3 > 0)
            self._open()

    def _lose(self, slot: Slot, fault: str) -> None:
        self._tally.lost += MANNERS[slot.name].requests
        self._tally.faults[f"{slot.name}: {fault}"] += 1
        self._close(slot)
        if sum(self._tally.faults.values()) < CONNECTIONS:
            self._open()

    def _close(self, slot: Slot, *, resetting: bool = False) -> None:
        del self._slots[slot.connection.fileno()]
        if resetting:
            reset(slot.connection)
        else:
            slot.connection.close()
