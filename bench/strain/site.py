"""The server of one case, in a process of its own on its own core: what it holds, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from bench.e2e.addresses import HOST, free_ports
from bench.e2e.servers import on_core, raise_descriptor_limit
from bench.facts import ROOT

START_S = 15.0

# Until what has been closed is gone on the server's side as well.
SETTLE_S = 20.0


class Site:
    """A server that runs during a `with`."""

    def __init__(self, core: int, **options: float) -> None:
        """options: those of `fastloop_http.Server`."""
        raise_descriptor_limit()
        self.port = free_ports(1)[0]
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the site
        command = [sys.executable, "-m", "bench.peers.strain_app", str(self.port), json.dumps(options)]
        with on_core(core):
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + START_S
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"the server does not come up: {self.said() or 'it says nothing'}")
            time.sleep(0.02)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._said.close()

    def _is_up(self) -> bool:
        try:
            socket.create_connection((HOST, self.port)).close()
        except OSError:
            return False
        return True

    def said(self) -> str:
        """Return the last line of what it has written."""
        self._said.seek(0)
        return (self._said.read().strip().splitlines() or [""])[-1]

    def private_bytes(self) -> int:
        """Return the memory that it shares with nobody; the kernel's, as for sockets, is not in it."""
        lines = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))

    def descriptors(self) -> int:
        """Return how many it has open."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def state(self) -> dict[str, Any]:
        """Return what it says of itself, the connection that asks included."""
        with socket.create_connection((HOST, self.port), timeout=SETTLE_S) as asking:
            asking.sendall(b"GET /state HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: asking.recv(65536), b""))
        said: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return said

    def settle(self) -> dict[str, Any]:
        """Wait until the only connection is the one that asks; return the state then, or in the end."""
        deadline = time.monotonic() + SETTLE_S
        while (state := self.state())["connections"] > 1 and time.monotonic() < deadline:
            time.sleep(0.1)
        return state

    def tell_to_end(self) -> None:
        """Send SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    def ended(self, seconds: float) -> int | None:
        """Return its exit status; None if it still runs after so long."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
