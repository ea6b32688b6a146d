"""Run tests of the interpreter's suite on our loop, each in a process of its own.

A server process replaces asyncio's loop by ours, imports the tests once, and forks a child for each of them,
as many at a time as there are processors: what a test hangs in, crashes, or leaves behind is its own. So is
the network while it runs: tests take ports that they have closed to stay closed. Where the system does not
permit that, there is one child at a time. The pytest process reads the outcomes as it gets to them.
"""

import asyncio
import collections
import contextlib
import faulthandler
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import network
import stdlib_case

# The slowest take a few seconds on a machine of their own.
TIMEOUT_S = 60
ROOT = Path(__file__).parents[2]


class Outcomes:
    """The outcomes of cases, (module, class, test) each, run in the background in the order given.

    arguments: of the interpreter that serves them.
    """

    def __init__(self, cases, arguments=(__file__,)):
        self.known = {}
        self.server = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests/conformance")])},
        )
        with self.server.stdin as request:
            json.dump(cases, request)

    def wait(self, case):
        """Return the problems of case and, if it was skipped, why."""
        while case not in self.known:
            line = self.server.stdout.readline()
            if not line:
                raise RuntimeError(f"the process that runs the tests has ended: {self.server.wait()}")
            finished, *self.known[tuple(finished)] = json.loads(line)
        return self.known.pop(case)

    def close(self):
        self.server.stdout.close()
        self.server.terminate()
        self.server.wait()


def use_fastloop():
    """Make fastloop's loop the one that asyncio makes, whoever asks and however often policies are reset."""
    import fastloop

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        policy = asyncio.get_event_loop_policy()
    type(policy)._loop_factory = fastloop.EventLoop
    asyncio.EventLoop = asyncio.SelectorEventLoop = fastloop.EventLoop


class Child:
    """One test in a process, and session, of its own; network: where it runs, None: in ours."""

    def __init__(self, case, network):
        self.case = case
        self.network = network
        # Its own: many tests write to one and the same name in the current directory.
        self.directory = tempfile.TemporaryDirectory()
        self.report = open(f"{self.directory.name}/report", "w+b")  # noqa: SIM115
        self.output = open(f"{self.directory.name}/output", "w+b")  # noqa: SIM115
        self.pid = os.fork()
        if self.pid == 0:
            with contextlib.suppress(BaseException):
                self.run()
            os._exit(0)
        self.pidfd = os.pidfd_open(self.pid)
        self.deadline = time.monotonic() + TIMEOUT_S

    def run(self):
        os.setsid()
        # Ignored in a shell's background jobs; tests interrupt themselves.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(self.directory.name)
        null = os.open(os.devnull, os.O_RDONLY)
        for target, fd in enumerate([null, self.output.fileno(), self.output.fileno()]):
            os.dup2(fd, target)
        faulthandler.enable()
        # Says where it hangs. The parent ends what not even this ends.
        faulthandler.dump_traceback_later(TIMEOUT_S - 5, exit=True)
        if self.network is not None:
            network.enter(self.network)
        # As any test leaves it to the next, and some count on: no loop is made unasked.
        asyncio.set_event_loop(None)
        module, cls, name = self.case
        try:
            result = stdlib_case.outcome(getattr(importlib.import_module(module), cls), name)
        except BaseException:
            # An interrupt that came through unittest.
            result = traceback.format_exc(), None
        self.report.write(json.dumps(result).encode())
        self.report.flush()

    def finish(self):
        """Print the outcome. The child has ended, or is ended now, with all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        self.report.seek(0)
        self.output.seek(0)
        report = self.report.read()
        output = self.output.read()[-10_000:].decode(errors="replace")
        if report:
            problems, skipped = json.loads(report)
        else:
            problems, skipped = f"ended without an outcome: status {os.waitstatus_to_exitcode(status)}", None
        if problems:
            problems += f"\n{output}"
        self.report.close()
        self.output.close()
        self.directory.cleanup()
        print(json.dumps([self.case, problems, skipped]), flush=True)


def serve():
    """Read cases from standard input, run them, print the outcomes, a line each."""
    cases = collections.deque(json.load(sys.stdin))
    use_fastloop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in {case[0] for case in cases}:
            importlib.import_module(module)
    # Pages that the collector of no child writes to are shared by all.
    gc.freeze()
    networks = network.make(len(os.sched_getaffinity(0))) if network.can_make() else [None]
    children = {}
    while cases or children:
        while cases and networks:
            child = Child(cases.popleft(), networks.pop())
            children[child.pidfd] = child
        nearest = min(child.deadline for child in children.values())
        ended, _, _ = select.select(children, [], [], max(0, nearest - time.monotonic()))
        now = time.monotonic()
        for child in [child for fd, child in children.items() if fd in ended or child.deadline <= now]:
            del children[child.pidfd]
            child.finish()
            networks.append(child.network)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    serve()
