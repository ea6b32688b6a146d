"""Start servers on their core, account the CPU time of their whole process tree, and end them."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bench.e2e.addresses import Address
from bench.e2e.build import ROOT, last_line

START_SECONDS = 15.0

# On-CPU nanoseconds by (process, thread), as the scheduler counts them.
CpuTimes = dict[tuple[int, int], int]


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run what is started within on that core: children inherit their parent's affinity."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_descriptor_limit() -> None:
    """Let this process, and all it starts, open as many descriptors as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def process_tree(pid: int) -> list[int]:
    """Return the process and all its descendants; empty if it has gone."""
    tree = [pid]
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                tree += process_tree(int(child))
    except OSError:
        # It ended while we read. What ended has used its time already.
        return tree if len(tree) > 1 else []
    return tree


def cpu_times(pid: int) -> CpuTimes:
    """Read every thread's time on the CPU, in ns; exact for a thread that is not running."""
    times: CpuTimes = {}
    for process in process_tree(pid):
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                times[process, int(thread.name)] = int((thread / "schedstat").read_text().split()[0])
    return times


def cpu_ns_between(before: CpuTimes, after: CpuTimes) -> int:
    """Sum what each thread used in between. A thread that ended meanwhile takes its last slice with it."""
    return sum(ns - before.get(thread, 0) for thread, ns in after.items())


def rss_mb(pid: int) -> float:
    """Sum the resident memory of the tree in MiB; pages that processes share count once for each."""
    kib = 0
    for process in process_tree(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    kib += int(line.split()[1])
    return kib / 1024


class Server:
    """One running peer, in a session of its own."""

    def __init__(self, command: list[str], address: Address, log: Path) -> None:
        self.address = address
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; the caller has chosen the core."""
        output: IO[bytes]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process, and its process group."""
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    def failure(self) -> str | None:
        """Say why it no longer runs, in its own last words; None while it runs."""
        assert self._process is not None, "the server has not been started"
        status = self._process.poll()
        if status is None:
            return None
        return last_line(self._log.read_text(errors="replace")) or f"ended with status {status}"

    def wait_until_up(self) -> str | None:
        """Wait until it can be reached; return why it cannot."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            failure = self.failure()
            if failure is not None:
                return failure
            if self.address.is_up():
                return None
            time.sleep(0.05)
        return f"cannot be reached after {START_SECONDS:g} s"

    def stop(self) -> None:
        """End it and all it started, at once: peers keep nothing that a kill could lose."""
        if self._process is None:
            return
        # What left the group has to be found while its parent still lives.
        strays = [pid for pid in process_tree(self.pid) if _group(pid) not in (self.pid, None)]
        if self._process.poll() is None or _group_lives(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        for pid in strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
