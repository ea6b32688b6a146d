"""A loop for each test, and no errors that nobody looked at."""

import asyncio
import errno
import gc
import os
import signal

import pytest
from peers import SIGNALS

import fastloop


@pytest.fixture
def loop():
    """A loop that is closed after the test; what reached its exception handler is in `loop.reports`."""
    loop = fastloop.new_event_loop()
    loop.reports = []
    loop.set_exception_handler(lambda _, context: loop.reports.append(context))
    yield loop
    if not loop.is_closed():
        # Let what the test has closed tell its protocols.
        loop.run_until_complete(asyncio.sleep(0.001))
        loop.close()


@pytest.fixture
def run(loop):
    """run(coroutine): run it on the loop, for 30 seconds at most, and expect no reports."""

    def run(coroutine):
        async def limited():
            async with asyncio.timeout(30):
                return await coroutine

        result = loop.run_until_complete(limited())
        assert loop.reports == []
        return result

    return run


@pytest.fixture(params=["pidfd", "thread"])
def either_way(request, monkeypatch):
    """Run the test with pidfds, and again as on a system that has none."""
    if request.param == "thread":
        def refuse(pid, flags=0):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

        monkeypatch.setattr(os, "pidfd_open", refuse)


@pytest.fixture
def signals_as_before():
    """Let the test leave no handler, and no wakeup descriptor, behind."""
    def state():
        handlers = [signal.getsignal(sig) for sig in (*SIGNALS, signal.SIGINT)]
        wakeup = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(wakeup)
        return handlers, wakeup

    before = state()
    yield
    gc.collect()
    assert state() == before
