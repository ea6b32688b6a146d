"""SIGTERM under full load: no request goes unanswered, but on a connection that the server has said to close.

Each time there are connections under keep-alive load, a request in flight on each; and others that have been
opened and asked just before the signal, every second time while the loop was held, so that they wait in the
kernel's queue when it comes.
"""

import select
import socket
import time
from collections import Counter

from bench.e2e.servers import on_core
from bench.strain.clients import Plan, answer_size, connect, request
from bench.strain.figures import Outcome
from bench.strain.site import Site

REPEATS = 20
CONNECTIONS = 64
QUEUED = 64
LOADED_S = (0.1, 0.4)

# Until a held loop holds for certain: less than it holds for.
HOLD_S = 0.01

# After the signal, by when everything has ended: the server gives connections without a request a second.
END_S = 10.0

GET = request("/")


def run(plan: Plan) -> Outcome:
    """End one server after the other."""
    totals: Counter[str] = Counter()
    faults = []
    slowest = 0.0
    repeats = plan.count(REPEATS, 2)
    for repeat in range(repeats):
        with Site(plan.core) as site, on_core(plan.other_core):
            load = Load(site.port)
            load.run(plan.rng.uniform(*LOADED_S))
            # The loop is held in half of the cases: in the others the signal comes in full swing.
            load.queue(held=repeat % 2 == 0)
            before = load.counts["answered"]
            signalled = time.monotonic()
            site.tell_to_end()
            load.run(END_S)
            status = site.ended(END_S)
            slowest = max(slowest, time.monotonic() - signalled)
            load.counts["after"] = load.counts["answered"] - before
            load.give_up()
            totals.update(load.counts)
            if status != 0 or site.said():
                faults.append(f"repeat {repeat + 1}: ended with {status}, and said {site.said()!r}")
    names = ("sent", "answered", "after", "unanswered", "cut", "still_open", "said_close", "closed_idle")
    figures = {"repeats": repeats, **{name: totals[name] for name in names}, "slowest_s": slowest}
    return Outcome(figures, faults)



class Client:
    """One connection: at most one request is in flight."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.waits = False  # for an answer
        self.received = b""
        self.said_close = False


class Load:
    """Connections that ask again as soon as they are answered, until they are told that theirs closes."""

    def __init__(self, port: int) -> None:
        self.counts: Counter[str] = Counter()
        self._port = port
        self._clients: dict[int, Client] = {}
        self._epoll = select.epoll()
        for _ in range(CONNECTIONS):
            self._open(GET)

    def _open(self, data: bytes) -> None:
        client = Client(connect(self._port))
        self._clients[client.connection.fileno()] = client
        self._epoll.register(client.connection, select.EPOLLIN)
        self._ask(client, data)

    def queue(self, *, held: bool) -> None:
        """Open connections that ask, behind one whose handler holds the loop."""
        if held:
            self._open(request("/block"))
            time.sleep(HOLD_S)
        for _ in range(QUEUED):
            self._open(GET)

    def run(self, seconds: float) -> None:
        """Go on for so long, or until no connection is left."""
        deadline = time.monotonic() + seconds
        while self._clients and time.monotonic() < deadline:
            for fd, _ in self._epoll.poll(0.05):
                self._on_ready(self._clients[fd])

    def _ask(self, client: Client, data: bytes = GET) -> None:
        self.counts["sent"] += 1
        client.waits = True
        try:
            client.connection.send(data)
        except ConnectionError:
            # The same as one that is sent and never answered.
            self._end(client)

    def _on_ready(self, client: Client) -> None:
        try:
            data = client.connection.recv(65536)
        except ConnectionError:
            data = b""
        client.received += data
        if not data:
            self._end(client)
        elif len(client.received) >= answer_size(client.received):
            self._answered(client)

    def _answered(self, client: Client) -> None:
        self.counts["answered"] += 1
        client.waits = False
        if b"\r\nconnection: close\r\n" in client.received:
            client.said_close = True
            self.counts["said_close"] += 1
        else:
            client.received = b""
            self._ask(client)

    def _end(self, client: Client) -> None:
        if client.waits:
            self.counts["cut" if client.received else "unanswered"] += 1
        elif not client.said_close:
            self.counts["closed_idle"] += 1
        del self._clients[client.connection.fileno()]
        client.connection.close()

    def give_up(self) -> None:
        """Count what is left, and close."""
        self.counts["still_open"] += len(self._clients)
        for client in self._clients.values():
            client.connection.close()
        self._epoll.close()
