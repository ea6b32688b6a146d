"""One turn of the loop, over and over: who gets their turn, and what is checked."""

import asyncio
import socket
import threading
import time

import pytest
from peers import connected_pair, in_thread


def test_an_endless_chain_of_callbacks_starves_no_timer(loop, run):
    turns = 0

    def chain():
        nonlocal turns
        turns += 1
        if not stopped:
            loop.call_soon(chain)

    stopped = []

    async def main():
        chain()
        fired = loop.create_future()
        before = loop.time()
        loop.call_later(0.01, fired.set_result, None)
        await fired
        assert loop.time() - before < 5
        stopped.append(True)

    run(main())
    assert turns > 10


def test_an_endless_chain_of_callbacks_starves_no_socket(loop, run):
    def chain():
        if not stopped:
            loop.call_soon(chain)

    stopped = []

    async def main():
        transport, protocol, peer = await connected_pair()
        chain()
        for size in range(1, 20):
            peer.send(b"x")
            while len(protocol.data) < size:  # noqa: ASYNC110 - an event would end the wait in another turn
                await asyncio.sleep(0)
        stopped.append(True)
        transport.close()
        await protocol.lost
        peer.close()

    run(main())


def test_an_endless_chain_of_callbacks_starves_no_other_thread(loop, run):
    def chain():
        if not stopped:
            loop.call_soon(chain)

    stopped = []

    async def main():
        chain()
        for number in range(20):
            assert await in_thread(abs, -number) == number
        stopped.append(True)

    run(main())


def test_busy_sockets_starve_no_callback(loop, run):
    async def main():
        ours, theirs = socket.socketpair()
        theirs.send(b"x")
        loop.add_reader(ours, int)
        for _ in range(1000):
            await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        loop.remove_reader(ours)
        ours.close()
        theirs.close()

    run(main())


def test_stop_finishes_the_turn(loop):
    seen = []
    loop.call_soon(loop.stop)
    loop.call_soon(seen.append, 1)
    loop.run_forever()
    assert seen == [1]


def test_stop_before_run_turns_once(loop):
    seen = []
    loop.stop()
    loop.call_soon(seen.append, 1)
    loop.call_soon(lambda: loop.call_soon(seen.append, 2))
    loop.run_forever()
    assert seen == [1]
    loop.stop()
    loop.run_forever()
    assert seen == [1, 2]


def test_what_was_scheduled_before_a_run_goes_before_io(loop):
    ours, theirs = socket.socketpair()

    class Received(asyncio.Protocol):
        def data_received(self, data):
            seen.append(data)
            loop.stop()

    transport, _ = loop.run_until_complete(loop.create_connection(Received, sock=ours))
    seen = []
    for _ in range(2):
        theirs.send(b"x")
        time.sleep(0.002)  # the last poll is long ago
        loop.call_soon(seen.append, "scheduled")
        loop.run_forever()
    assert seen == ["scheduled", b"x"] * 2
    transport.close()
    theirs.close()


@pytest.mark.parametrize("stop", ["before the run", "by a callback"])
def test_a_run_polls_however_short_it_is(loop, stop):
    ours, theirs = socket.socketpair()
    seen = []
    loop.add_reader(ours, lambda: seen.append(ours.recv(1)))
    for count in range(1, 11):
        theirs.send(b"x")
        loop.call_soon(lambda: loop.call_soon(seen.append, "later"))
        if stop == "before the run":
            loop.stop()
        else:
            loop.call_soon(loop.stop)
        loop.run_forever()
        # What the callbacks of the last turn schedule is left to the next run.
        assert seen == ([b"x", "later"] * count)[:-1]
    loop.remove_reader(ours)
    ours.close()
    theirs.close()


def test_stop_ends_a_sleep_from_a_timer(loop):
    loop.call_later(0.001, loop.stop)
    loop.run_forever()


# Debug mode.


def test_debug_mode_is_off_until_asked_for(loop):
    assert loop.get_debug() is False
    loop.set_debug(True)
    assert loop.get_debug() is True


# Closing.


def test_closing_drops_what_is_scheduled(loop):
    loop.call_soon(pytest.fail, "called")
    loop.call_later(0, pytest.fail, "called")
    loop.call_soon_threadsafe(pytest.fail, "called")
    loop.close()
    loop.close()
    assert loop.is_closed()


def test_a_destructor_may_call_a_loop_that_is_being_closed(loop):
    class Thing:
        def __call__(self):
            pass

        def __del__(self):
            with pytest.raises(RuntimeError, match="closed"):
                loop.call_soon(print)
            seen.append(1)

    seen = []
    loop.call_soon(Thing())
    loop.call_later(10, Thing())
    loop.call_soon_threadsafe(Thing())
    loop.close()
    assert seen == [1, 1, 1]


def test_a_closed_loop_watches_nothing(loop):
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.add_reader(0, print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.add_writer(0, print)
    assert not loop.remove_reader(0)
    assert not loop.remove_writer(0)


def test_loops_run_side_by_side_in_threads():
    import fastloop

    barrier = threading.Barrier(4)

    async def count():
        barrier.wait()
        for _ in range(2000):
            await asyncio.sleep(0)
        return threading.get_ident()

    results = []
    threads = [threading.Thread(target=lambda: results.append(fastloop.run(count()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 4
