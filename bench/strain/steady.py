"""The client beside the others: `python -m bench.strain.steady PORT INTERVAL_S`, until its input ends.

One request at a time on one connection, at a steady pace. Prints JSON: milliseconds from when each was due to
its answer, so that one that is late makes those behind it late as well.
"""

import json
import select
import socket
import sys
import time

from bench.e2e.addresses import HOST
from bench.strain.clients import exchange, request


def main(port: str, interval_s: str) -> None:
    """Ask until the input ends."""
    interval_ns = int(float(interval_s) * 1e9)
    delays = []
    with socket.create_connection((HOST, int(port)), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        exchange(connection, request("/"))
        print("asking", flush=True)
        due_ns = time.monotonic_ns()
        while not select.select([sys.stdin], [], [], max(due_ns - time.monotonic_ns(), 0) / 1e9)[0]:
            answer = exchange(connection, request("/"))
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise ConnectionError(f"answered {answer[:80]!r}")
            delays.append((time.monotonic_ns() - due_ns) / 1e6)
            due_ns += interval_ns
    print(json.dumps(delays))


if __name__ == "__main__":
    main(*sys.argv[1:])
