"""What is asked of a loop: each probe runs it for a while and notes what it saw.

Delays are in microseconds of CLOCK_MONOTONIC, which is every loop's clock.
"""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Loop = asyncio.AbstractEventLoop

# Of a chain or a flood, what runs between two questions: enough for the loop to be in full swing.
CALLBACKS_BETWEEN = 500
CHUNKS_BETWEEN = 20

# What has not come by then never will: a loop that starves it is found out, not waited for.
STARVED_SECONDS = 2.0

# Until the loop has gone to sleep.
SETTLE_SECONDS = 0.3

FLOOD = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[2])})
while True:
    os.write(int(sys.argv[1]), bytes(256 * 1024))
"""


@dataclass
class Trial:
    """A loop under a probe for `seconds`: at most one question is open at a time."""

    loop: Loop
    seconds: float
    other_core: int  # for what runs beside the loop
    samples: list[float] = field(default_factory=list)
    starved: int = 0  # questions that were never answered

    def __post_init__(self) -> None:
        self._end_ns = time.monotonic_ns() + int(self.seconds * 1e9)
        self._due_ns: int | None = None  # of the open question

    @property
    def is_open(self) -> bool:
        return self._due_ns is not None

    def ask(self, delay: float = 0.0) -> None:
        """Expect an answer in so many seconds. Comes before what makes the loop answer."""
        self._due_ns = time.monotonic_ns() + int(delay * 1e9)

    def answer(self) -> None:
        """Note how late the answer is. Below zero it came early beyond doubt: asking took time as well."""
        now = time.monotonic_ns()
        if self._due_ns is None:
            raise RuntimeError("an answer came twice")
        self.samples.append((now - self._due_ns) / 1000)
        self._due_ns = None
        if now > self._end_ns:
            self.loop.stop()

    def give_up_if_starved(self) -> None:
        """Stop the loop if the open question has waited for too long."""
        if self._due_ns is not None and time.monotonic_ns() - self._due_ns > STARVED_SECONDS * 1e9:
            self.starved += 1
            self.loop.stop()


def timer(delay: float) -> Callable[[Trial], None]:
    """Set one timer after the other; a sample is how late it fires."""

    def run(trial: Trial) -> None:
        def set_timer() -> None:
            trial.ask(delay)
            trial.loop.call_later(delay, fire)

        def fire() -> None:
            trial.answer()
            set_timer()

        trial.loop.call_soon(set_timer)
        trial.loop.run_forever()

    return run


def _chain(trial: Trial, ask: Callable[[], None]) -> None:
    """Run a callback that always schedules itself again, and ask from it now and then."""
    links = 0

    def link() -> None:
        nonlocal links
        links += 1
        trial.loop.call_soon(link)
        if links % CALLBACKS_BETWEEN == 0:
            if trial.is_open:
                trial.give_up_if_starved()
            else:
                ask()

    trial.loop.call_soon(link)
    trial.loop.run_forever()


def chain_and_socket(trial: Trial) -> None:
    """A sample is how long a readable socket waits beside an endless chain of callbacks."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def ask() -> None:
        trial.ask()
        theirs.send(b"x")

    def read() -> None:
        ours.recv(1)
        trial.answer()

    with ours, theirs:
        trial.loop.add_reader(ours, read)
        _chain(trial, ask)
        trial.loop.remove_reader(ours)


def chain_and_timer(trial: Trial) -> None:
    """A sample is how late a timer of a millisecond is beside an endless chain of callbacks."""

    def ask() -> None:
        trial.ask(1e-3)
        trial.loop.call_later(1e-3, trial.answer)

    _chain(trial, ask)


class Flooded(asyncio.Protocol):
    """Asks now and then while data pours in."""

    def __init__(self, trial: Trial, ask: Callable[[], None]) -> None:
        self._trial = trial
        self._ask = ask
        self._chunks = 0

    def data_received(self, data: bytes) -> None:
        self._chunks += 1
        if self._chunks % CHUNKS_BETWEEN == 0:
            if self._trial.is_open:
                self._trial.give_up_if_starved()
            else:
                self._ask()


class Quiet(asyncio.Protocol):
    """Answers."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def data_received(self, data: bytes) -> None:
        self._trial.answer()


def flood_and_socket(trial: Trial) -> None:
    """A sample is how long a byte on one connection waits while another is always readable."""
    flooded, flooding = socket.socketpair()
    quiet, asking = socket.socketpair()

    def ask() -> None:
        trial.ask()
        asking.send(b"x")

    async def connect() -> None:
        await trial.loop.create_connection(lambda: Quiet(trial), sock=quiet)
        await trial.loop.create_connection(lambda: Flooded(trial, ask), sock=flooded)

    command = [sys.executable, "-c", FLOOD, str(flooding.fileno()), str(trial.other_core)]
    with asking, flooding, subprocess.Popen(command, pass_fds=[flooding.fileno()]) as flooder:
        try:
            trial.loop.run_until_complete(connect())
            trial.loop.run_forever()
        finally:
            flooder.kill()


def idle(trial: Trial) -> None:
    """The sample is how often the loop's thread wakes up while nothing is due.

    The loop has what an idle program has: a server, a connection, and a timer that is an hour off.
    """
    sleeper = threading.get_native_id()
    ours, theirs = socket.socketpair()

    async def open_all() -> None:
        await trial.loop.create_connection(asyncio.Protocol, sock=ours)
        await trial.loop.create_server(asyncio.Protocol, "127.0.0.1", 0)

    def watch() -> None:
        time.sleep(SETTLE_SECONDS)
        before = _switches(sleeper)
        time.sleep(trial.seconds)
        trial.samples.append(_switches(sleeper) - before)
        trial.loop.call_soon_threadsafe(trial.loop.stop)

    watcher = threading.Thread(target=watch)
    with theirs:
        trial.loop.run_until_complete(open_all())
        trial.loop.call_later(3600, trial.loop.stop)
        watcher.start()
        trial.loop.run_forever()
        watcher.join()


def _switches(thread: int) -> int:
    """Count how often the thread has left the CPU: whoever wakes up has to go to sleep again."""
    status = Path(f"/proc/self/task/{thread}/status").read_text()
    return sum(int(line.split()[1]) for line in status.splitlines() if "ctxt_switches" in line)


@dataclass(frozen=True)
class Probe:
    """A question to a loop, and what a sample of it is."""

    name: str
    title: str
    run: Callable[[Trial], None]
    unit: Literal["us", "wake-ups"] = "us"
    is_timer: bool = False  # a sample below zero is a timer that fired early


# Fractions of a millisecond too: a loop that rounds to milliseconds rounds some of them down.
TIMERS_MS = (1, 1.5, 2.5, 10, 25.4, 100)

PROBES = {
    probe.name: probe
    for probe in (
        *(
            Probe(f"timer{ms:g}", f"lateness of a timer of {ms:g} ms", timer(ms / 1000), is_timer=True)
            for ms in TIMERS_MS
        ),
        Probe("chain_socket", "readable socket beside an endless chain of callbacks", chain_and_socket),
        Probe("chain_timer", "1 ms timer beside such a chain", chain_and_timer, is_timer=True),
        Probe("flood_socket", "byte on a connection beside a flooded one", flood_and_socket),
        Probe("idle", "nothing due", idle, unit="wake-ups"),
    )
}
