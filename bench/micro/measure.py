"""The rounds: a process for each loop, all on one core; each is asked once a round, in shuffled order."""

import contextlib
import json
import random
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

from bench.facts import ROOT
from bench.micro.figures import LoopResult, Row
from bench.micro.pending import measure_apart
from bench.micro.workloads import Workload

# A run takes milliseconds; a loop that loses a callback would wait for it for ever.
ANSWER_SECONDS = 60.0


class Worker:
    """A process that times workloads on one loop."""

    def __init__(self, loop: str, errors: IO[str]) -> None:
        self._errors = errors
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.micro.worker", loop],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def time(self, workload: Workload) -> float:
        """Return nanoseconds for one operation. Raises RuntimeError where the worker has none."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{workload.name}\n")
            self._process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(ANSWER_SECONDS):
                self._process.kill()
                raise RuntimeError(f"{workload.name} did not end within {ANSWER_SECONDS:g} s")
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the worker ended: {self._last_words()}")
        found = json.loads(answer)
        if "error" in found:
            raise RuntimeError(found["error"])
        ns: float = found["ns"]
        return ns

    def _last_words(self) -> str:
        self._errors.seek(0)
        return (self._errors.read().strip().splitlines() or ["no reason given"])[-1]


@contextlib.contextmanager
def workers(loops: list[str]) -> Iterator[dict[str, Worker]]:
    """Start a worker for each loop; all have ended on return."""
    with contextlib.ExitStack() as stack:
        yield {
            loop: stack.enter_context(Worker(loop, stack.enter_context(tempfile.TemporaryFile("w+"))))
            for loop in loops
        }


def measure(workload: Workload, workers: dict[str, Worker], rounds: int, rng: random.Random) -> Row:
    """Time the workload on every loop. A loop that fails once is not asked again."""
    results = {loop: LoopResult(loop) for loop in workers}
    # Round 0 warms up: code paths, free lists, the interpreter's specialised instructions.
    for number in range(rounds + 1):
        order = [loop for loop in workers if results[loop].error is None]
        rng.shuffle(order)
        for loop in order:
            try:
                ns = workers[loop].time(workload)
            except RuntimeError as error:
                results[loop] = LoopResult(loop, results[loop].ns, f"round {number}: {error}")
                continue
            if number:
                results[loop].ns[number] = ns
    return Row(workload.name, workload.title, list(results.values()))


def measure_memory(loops: list[str]) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Return the memory of pending timers by loop, and what went wrong by loop."""
    found: dict[str, dict[str, float]] = {}
    errors: dict[str, str] = {}
    for loop in loops:
        try:
            found[loop] = measure_apart(loop)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            errors[loop] = str(error)
    return found, errors
