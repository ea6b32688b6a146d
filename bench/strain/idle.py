"""Connections that wait for another request, by the thousand: what each costs in memory."""

import contextlib
import time

from bench.strain.clients import Plan, connect, exchange, request
from bench.strain.figures import Outcome
from bench.strain.site import Site

CONNECTIONS = 10_000
WARMING = 200
SETTLE_S = 0.5


def run(plan: Plan) -> Outcome:
    """Open connections, have one answer on each, and look at the server's memory while they wait."""
    count = plan.count(CONNECTIONS, 200)
    # No timer is to end one before all are there.
    with Site(plan.core, keep_alive_timeout_s=600) as site:
        _hold(site, WARMING)
        site.settle()
        before = site.private_bytes()
        bytes_each, open_then = _hold(site, count, before)
        faults = [] if open_then == count else [f"{open_then} connections are open, of {count}"]
        left = site.settle()["connections"] - 1
    figures = {"connections": count, "bytes_each": bytes_each, "left": left}
    return Outcome(figures, faults)


def _hold(site: Site, count: int, before: int = 0) -> tuple[float, int]:
    """Hold so many; return the bytes each has added to `before`, and how many the server then has open."""
    empty = site.descriptors()
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(connect(site.port))
            connection.setblocking(True)
            exchange(connection, request("/"))
        time.sleep(SETTLE_S)
        return (site.private_bytes() - before) / count, site.descriptors() - empty
