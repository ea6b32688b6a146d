"""The wheel of coarse deadlines, through connections of a service that wait for a request head.

Each has its deadline in the service's wheel, and ends with a 408 when it is looked at after that. The loop of
these tests knows the timers that wheels set.
"""

import asyncio
import resource
import socket
from functools import partial

import pytest

import fastloop
from fastloop_http._h1.connection import HttpConnection
from fastloop_http._h1.routes import PathTree
from fastloop_http._h1.service import Service

# wheel.pxd, in seconds
GRAIN = (1 << 27) / 1e9
SPAN = 1024 * GRAIN
# timeouts.pyx: how long a connection that has been refused is kept for its client to see why.
LINGER = 5.0

LIMITS = {
    "max_head_bytes": 65536,
    "max_fields": 100,
    "max_field_bytes": 16384,
    "max_target_bytes": 16384,
    "max_body_bytes": 65536,
    "max_chunk_ext_bytes": 16384,
    "max_trailer_bytes": 16384,
    "keep_alive_timeout_s": None,
    "body_grace_s": None,
    "min_body_bytes_per_s": 1024,
    "write_timeout_s": None,
    "half_close_timeout_s": None,
    "background": None,
}


class WatchedLoop(fastloop.EventLoop):
    """A loop that remembers the timers of wheels: their delays in seconds, and their handles."""

    def __init__(self):
        super().__init__()
        self.delays = []
        self.handles = []

    def call_later(self, delay, callback, *args, context=None):
        handle = super().call_later(delay, callback, *args, context=context)
        if getattr(callback, "__name__", "") == "on_timer":
            self.delays.append(delay)
            self.handles.append(handle)
        return handle

    def armed(self):
        """The timers that are still to come."""
        now = self.time()
        return [handle for handle in self.handles if not handle.cancelled() and handle.when() > now]


@pytest.fixture
def loop():
    loop = WatchedLoop()
    yield loop
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.fixture
def connect(loop):
    """connect(service): a connection of service; return its transport and its peer's socket."""
    peers = []

    async def connect(service):
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        peers.append(theirs)
        transport, _ = await loop.connect_accepted_socket(partial(HttpConnection, service), ours)
        transports.append(transport)
        return transport, theirs

    transports = []
    yield connect
    for transport in transports:
        transport.abort()
    for peer in peers:
        peer.close()


def make_service(loop, head_timeout_s, **options):
    options = {**LIMITS, "head_timeout_s": head_timeout_s, **options}
    return Service(loop, {}, PathTree([]), lambda request: "", **options)


def ended(peer):
    """Say whether the connection has been looked at and found late."""
    try:
        return peer.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 408"
    except BlockingIOError:
        return False


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - it waits for the kernel
            await asyncio.sleep(GRAIN / 10)


# Deadlines, at most a few grains away, and at all places within one.
TIMEOUTS = [0.0001, 0.01, GRAIN / 2, GRAIN * 0.999, GRAIN, GRAIN * 1.001, 2 * GRAIN, 0.3, 0.5, 7 * GRAIN]


@pytest.mark.parametrize("phase", [0, 0.25, 0.5, 0.75])
def test_deadline_is_never_met_early_and_at_most_a_grain_late(loop, connect, phase):
    # Timers run in the order of their times, however late the machine makes them: so they tell what was
    # before the wheel's, and what after.
    async def main():
        await asyncio.sleep(GRAIN * phase)
        early, late = [], []
        for timeout in TIMEOUTS:
            service = make_service(loop, timeout)
            before = loop.time()
            _, peer = await connect(service)
            after = loop.time()
            loop.call_at(before + timeout, lambda peer=peer: early.append(ended(peer)))
            loop.call_at(after + timeout + GRAIN + 1e-6, lambda peer=peer: late.append(ended(peer)))
        await until(lambda: len(late) == len(TIMEOUTS))
        assert early == [False] * len(TIMEOUTS)
        assert late == [True] * len(TIMEOUTS)

    loop.run_until_complete(main())


def test_thousands_of_entries_are_all_looked_at_and_need_a_timer_a_grain(loop, connect):
    count = 1500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * count + 100:
        pytest.skip(f"needs {2 * count + 100} descriptors, the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * count + 100), hard))
    try:

        async def main():
            began = loop.time()
            service = make_service(loop, 3 * GRAIN)
            peers = [(await connect(service))[1] for _ in range(count)]
            await until(lambda: all(map(ended, peers)))
            return (loop.time() - began) / GRAIN

        grains = loop.run_until_complete(main())
        assert len(loop.delays) <= 2 * (2 + grains)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_wheel_without_entries_sets_no_timer(loop, connect):
    async def main():
        service = make_service(loop, GRAIN)
        assert not loop.delays
        for _ in range(3):
            transport, _ = await connect(service)
            transport.abort()
        await until(lambda: not len(service) and not loop.armed())
        number = len(loop.delays)
        await asyncio.sleep(3 * GRAIN)
        assert len(loop.delays) == number
        # And goes on when there is one again.
        _, peer = await connect(service)
        await until(lambda: ended(peer))

    loop.run_until_complete(main())


def test_service_without_timeouts_sets_no_timer(loop, connect):
    async def main():
        await connect(make_service(loop, None))

    loop.run_until_complete(main())
    assert not loop.delays


@pytest.mark.parametrize("timeout", [SPAN - 2 * GRAIN, SPAN, 10 * SPAN, 1e9])
def test_deadline_beyond_the_span_is_looked_at_within_it_and_again(loop, connect, timeout):
    async def main():
        service = make_service(loop, timeout)
        _, peer = await connect(service)
        assert len(loop.delays) == 1
        assert min(timeout, SPAN - 2 * GRAIN) <= loop.delays[0] <= min(timeout + GRAIN, SPAN)
        # Woken for nothing, it ends nobody, and sets its timer anew.
        loop.armed()[0]._callback()
        assert not ended(peer)
        assert len(loop.delays) == 2
        assert loop.delays[1] == pytest.approx(loop.delays[0], abs=GRAIN)

    loop.run_until_complete(main())


def test_farther_deadlines_wait_with_the_timer_that_is_set(loop, connect):
    async def main():
        service = make_service(loop, 100.0)
        for _ in range(5):
            await connect(service)
        assert len(loop.delays) == len(loop.armed()) == 1

    loop.run_until_complete(main())


def test_nearer_deadline_has_the_timer_set_anew(loop, connect):
    async def main():
        service = make_service(loop, 100.0, body_grace_s=1.0)
        _, peer = await connect(service)
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        await until(lambda: len(loop.delays) > 1)
        first, second = loop.delays
        assert second <= 1 + GRAIN < first
        assert loop.handles[0].cancelled()
        assert len(loop.armed()) == 1

    loop.run_until_complete(main())


# Looks that change the wheel: the access log is called in the middle of one.


def test_entries_that_leave_during_a_look_are_not_looked_at(loop, connect):
    looked = []

    def leave(client, line, method, target, version, status, *rest):
        looked.append(status)
        # At once, and not in the next turn as usual.
        for transport in transports:
            transport.abort()
            transport.finish(None)

    transports = []

    async def main():
        service = make_service(loop, GRAIN, access_log=leave)
        for _ in range(10):
            transports.append((await connect(service))[0])
        await until(lambda: looked)
        assert len(service) == 0
        await asyncio.sleep(2 * GRAIN)
        assert looked == [408]
        assert not loop.armed()

    loop.run_until_complete(main())


def test_entry_that_enters_again_during_a_look_is_looked_at_then(loop, connect):
    async def main():
        _, peer = await connect(make_service(loop, GRAIN))
        await until(lambda: ended(peer))
        # It waits now for its client to see the answer.
        assert LINGER - GRAIN <= loop.delays[-1] <= LINGER + GRAIN
        assert len(loop.armed()) == 1

    loop.run_until_complete(main())


def test_look_that_fails_leaves_the_others_to_be_looked_at(loop, connect):
    looked = []

    def fail(client, line, method, target, version, status, *rest):
        looked.append(status)
        if len(looked) == 1:
            raise SystemExit(3)

    async def begin():
        service = make_service(loop, GRAIN, access_log=fail)
        return [(await connect(service))[1] for _ in range(10)]

    peers = loop.run_until_complete(begin())
    with pytest.raises(SystemExit):
        loop.run_until_complete(asyncio.sleep(30))
    assert looked == [408]
    loop.run_until_complete(until(lambda: len(looked) == 10))
    assert sum(map(ended, peers)) == 9
