"""The operations that are timed, one function each: `run(loop, operations)` returns how many really happened.

pytest-benchmark (`test_micro.py`) and the interleaved runner (`python -m bench.micro`) take them from here.
Callbacks are Python functions that count, as cheap as can be: what they cost is in every loop's figure alike.
"""

import asyncio
import random
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

Loop = asyncio.AbstractEventLoop

# Operations in one turn of the loop. `operations` is a multiple of it.
BATCH = 1000

# Within a millisecond, in no order: all are due by the time that the last of them is set.
SHORT_DELAYS = [random.Random(1).random() * 1e-3 for _ in range(10_000)]


class WrongCount(Exception):
    """Operations that did not happen, or happened too often: their time means nothing."""


@dataclass(frozen=True)
class Workload:
    """One operation, done many times over."""

    name: str
    title: str
    operations: int
    run: Callable[[Loop, int], int]

    def run_checked(self, loop: Loop, operations: int) -> None:
        """Run it; raise WrongCount unless every operation happened once."""
        seen = self.run(loop, operations)
        if seen != operations:
            raise WrongCount(f"{self.name}: {seen} of {operations} operations happened")


class Counter:
    """What callbacks count into."""

    def __init__(self) -> None:
        self.count = 0

    def tick(self) -> None:
        self.count += 1

    def tick_for(self, first: object, second: object) -> None:
        self.count += 1


def _turns(
    loop: Loop, turns: int, fill: Callable[[], None], schedule: Callable[[Callable[[], None]], object]
) -> None:
    """Fill as many turns of the running loop, and come back when what filled the last has run."""

    def turn() -> None:
        nonlocal turns
        if turns == 0:
            loop.stop()
            return
        turns -= 1
        try:
            fill()
        except BaseException:
            # The loop would report it and wait for ever; so it is a wrong count.
            loop.stop()
            raise
        # The same way as what has just been scheduled, so after it.
        schedule(turn)

    loop.call_soon(turn)
    loop.run_forever()


def call_soon(loop: Loop, operations: int) -> int:
    counter = Counter()
    tick = counter.tick

    def fill() -> None:
        for _ in range(BATCH):
            loop.call_soon(tick)

    _turns(loop, operations // BATCH, fill, loop.call_soon)
    return counter.count


def call_soon_with_arguments(loop: Loop, operations: int) -> int:
    counter = Counter()
    tick = counter.tick_for

    def fill() -> None:
        for _ in range(BATCH):
            loop.call_soon(tick, fill, counter)

    _turns(loop, operations // BATCH, fill, loop.call_soon)
    return counter.count


def chained(loop: Loop, operations: int) -> int:
    count = 0

    def link() -> None:
        nonlocal count
        count += 1
        if count < operations:
            loop.call_soon(link)
        else:
            loop.stop()

    loop.call_soon(link)
    loop.run_forever()
    return count


def timer_cancel(loop: Loop, operations: int) -> int:
    counter = Counter()
    tick = counter.tick
    cancelled = 0

    def fill() -> None:
        nonlocal cancelled
        for _ in range(BATCH):
            handle = loop.call_later(10, tick)
            handle.cancel()
        # The last stands for all: asking each would be most of what is timed.
        cancelled += BATCH * handle.cancelled()

    _turns(loop, operations // BATCH, fill, loop.call_soon)
    return cancelled - counter.count


def _fire(loop: Loop, delays: list[float]) -> int:
    left = len(delays)

    def fire() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            loop.stop()

    def start() -> None:
        for delay in delays:
            loop.call_later(delay, fire)

    loop.call_soon(start)
    loop.run_forever()
    return len(delays) - left


def timers_due(loop: Loop, operations: int) -> int:
    return _fire(loop, [0.0] * operations)


def timers_short(loop: Loop, operations: int) -> int:
    return _fire(loop, SHORT_DELAYS[:operations])


def threadsafe(loop: Loop, operations: int) -> int:
    counter = Counter()
    tick = counter.tick

    def fill() -> None:
        for _ in range(BATCH):
            loop.call_soon_threadsafe(tick)

    _turns(loop, operations // BATCH, fill, loop.call_soon_threadsafe)
    return counter.count


def threadsafe_from_thread(loop: Loop, operations: int) -> int:
    counter = Counter()
    tick = counter.tick

    def post() -> None:
        for _ in range(operations):
            loop.call_soon_threadsafe(tick)
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=post)
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
    return counter.count


def sleep_zero(loop: Loop, operations: int) -> int:
    async def main() -> int:
        count = 0
        while count < operations:
            await asyncio.sleep(0)
            count += 1
        return count

    return loop.run_until_complete(main())


def task_await(loop: Loop, operations: int) -> int:
    async def one() -> int:
        return 1

    async def main() -> int:
        count = 0
        for _ in range(operations):
            count += await loop.create_task(one())
        return count

    return loop.run_until_complete(main())


def getaddrinfo_literal(loop: Loop, operations: int) -> int:
    async def main() -> int:
        count = 0
        for _ in range(operations):
            found = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
            count += found[0][4] == ("127.0.0.1", 80)
        return count

    return loop.run_until_complete(main())


def reader_churn(loop: Loop, operations: int) -> int:
    counter = Counter()
    tick = counter.tick
    churned = 0
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def fill() -> None:
        nonlocal churned
        for _ in range(BATCH):
            loop.add_reader(ours, tick)
            loop.remove_reader(ours)
        churned += BATCH

    with ours, theirs:
        # Readable all the time: a reader that outlives its removal is called.
        theirs.send(b"x")
        _turns(loop, operations // BATCH, fill, loop.call_soon)
        called_late = counter.count
        loop.add_reader(ours, loop.stop)
        loop.run_forever()
        loop.remove_reader(ours)
    return churned - called_late


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("call_soon", "call_soon", 20 * BATCH, call_soon),
        Workload("call_soon_args", "call_soon with 2 arguments", 20 * BATCH, call_soon_with_arguments),
        Workload("chained", "call_soon from the callback before it", 20 * BATCH, chained),
        Workload("timer_cancel", "call_later and cancel", 20 * BATCH, timer_cancel),
        Workload("timers_due", "10,000 timers of 0 s fire", 10 * BATCH, timers_due),
        Workload("timers_short", "10,000 timers within 1 ms fire", 10 * BATCH, timers_short),
        Workload("threadsafe", "call_soon_threadsafe from the loop's thread", 20 * BATCH, threadsafe),
        Workload(
            "threadsafe_other", "call_soon_threadsafe from another thread", 20 * BATCH, threadsafe_from_thread
        ),
        Workload("sleep_zero", "await sleep(0)", 10 * BATCH, sleep_zero),
        Workload("task_await", "create_task and await it", 5 * BATCH, task_await),
        Workload("getaddrinfo", "getaddrinfo of a literal address", 1 * BATCH, getaddrinfo_literal),
        Workload("reader_churn", "add_reader and remove_reader", 10 * BATCH, reader_churn),
    )
}
