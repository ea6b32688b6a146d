"""add_reader and add_writer, calls from other threads, and signals."""

import asyncio
import contextvars
import os
import signal
import socket
import threading
import time

import pytest
from peers import until


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def turn(loop):
    loop.run_until_complete(asyncio.sleep(0.002))


def test_a_reader_is_called_for_as_long_as_there_is_something_to_read(loop, pair):
    ours, theirs = pair
    seen = []

    def read(*args):
        seen.append(args)
        if len(seen) == 3:
            ours.recv(100)

    loop.add_reader(ours, read, 1, 2, 3, 4)
    turn(loop)
    assert seen == []
    theirs.send(b"abc")
    turn(loop)
    assert seen == [(1, 2, 3, 4)] * 3
    assert loop.remove_reader(ours)
    assert not loop.remove_reader(ours)
    theirs.send(b"more")
    turn(loop)
    assert len(seen) == 3


def test_a_writer_is_called_while_there_is_room(loop, pair):
    ours, _ = pair
    seen = []
    loop.add_writer(ours, seen.append, 1)
    turn(loop)
    assert seen
    assert loop.remove_writer(ours)
    assert not loop.remove_writer(ours)
    seen.clear()
    turn(loop)
    assert seen == []


def test_reader_and_writer_of_one_descriptor_are_independent(loop, pair):
    ours, theirs = pair
    seen = []
    loop.add_reader(ours, seen.append, "read")
    loop.add_writer(ours, seen.append, "write")
    turn(loop)
    assert set(seen) == {"write"}
    theirs.send(b"x")
    turn(loop)
    assert set(seen) == {"read", "write"}
    loop.remove_writer(ours)
    seen.clear()
    turn(loop)
    assert set(seen) == {"read"}
    loop.remove_reader(ours)


@pytest.mark.parametrize("what", ["reader", "writer"])
def test_a_second_callback_replaces_the_first(loop, pair, what):
    ours, theirs = pair
    theirs.send(b"x")
    seen = []
    add, remove = getattr(loop, f"add_{what}"), getattr(loop, f"remove_{what}")
    add(ours, seen.append, "first")
    add(ours, seen.append, "second")
    turn(loop)
    assert set(seen) == {"second"}
    assert remove(ours)
    assert not remove(ours)


def test_a_hang_up_wakes_both(loop, pair):
    ours, theirs = pair
    seen = []
    loop.add_reader(ours, seen.append, "read")
    theirs.close()
    turn(loop)
    assert set(seen) == {"read"}
    loop.add_writer(ours, seen.append, "write")
    turn(loop)
    assert set(seen) == {"read", "write"}
    loop.remove_reader(ours)
    loop.remove_writer(ours)


def test_a_reader_may_remove_itself(loop, pair):
    ours, theirs = pair
    seen = []

    def read():
        seen.append(1)
        loop.remove_reader(ours)

    loop.add_reader(ours, read)
    theirs.send(b"x")
    turn(loop)
    assert seen == [1]


def test_a_reader_runs_in_the_context_it_was_added_in(loop, pair):
    ours, theirs = pair
    var = contextvars.ContextVar("var", default="unset")
    seen = []

    def add():
        var.set("adder")
        loop.add_reader(ours, lambda: seen.append(var.get()))

    contextvars.copy_context().run(add)
    theirs.send(b"x")
    turn(loop)
    assert set(seen) == {"adder"}
    loop.remove_reader(ours)


def test_errors_of_a_reader_are_reported(loop, pair):
    ours, theirs = pair

    def read():
        loop.remove_reader(ours)
        raise ValueError("mine")

    loop.add_reader(ours, read)
    theirs.send(b"x")
    turn(loop)
    assert [str(report["exception"]) for report in loop.reports] == ["mine"]


def test_descriptors_are_taken_as_numbers_and_as_objects(loop, pair):
    ours, _ = pair
    loop.add_reader(ours.fileno(), print)
    assert loop.remove_reader(ours)
    loop.add_writer(ours, print)
    assert loop.remove_writer(ours.fileno())


METHODS = ["add_reader", "add_writer", "remove_reader", "remove_writer"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fd", [-1, "1", None, object(), 2**40])
def test_what_is_no_descriptor_is_refused(loop, method, fd):
    with pytest.raises(ValueError, match=r"Invalid file (descriptor|object)"):
        getattr(loop, method)(fd, *([print] if method.startswith("add") else []))


def test_a_closed_descriptor_is_refused(loop, pair):
    ours, _ = pair
    number = ours.fileno()
    ours.close()
    with pytest.raises(ValueError, match="Invalid file descriptor"):
        loop.add_reader(ours, print)
    with pytest.raises(OSError, match="Bad file descriptor"):
        loop.add_reader(number, print)
    assert not loop.remove_reader(number)


@pytest.mark.parametrize("callback", [None, 3, "print"])
def test_a_callback_must_be_callable(loop, pair, callback):
    for method in ("add_reader", "add_writer"):
        with pytest.raises(TypeError, match=f"callable object was expected by {method}"):
            getattr(loop, method)(pair[0], callback)


# Other threads.


def test_calls_from_eight_threads_all_arrive_in_their_order(loop, run):
    each = 5000
    seen = {number: [] for number in range(8)}

    def call(number):
        for value in range(each):
            loop.call_soon_threadsafe(seen[number].append, value)

    async def main():
        threads = [threading.Thread(target=call, args=(number,)) for number in seen]
        for thread in threads:
            thread.start()
        await until(lambda: all(len(values) == each for values in seen.values()))
        for thread in threads:
            thread.join()

    run(main())
    assert all(values == list(range(each)) for values in seen.values())


def test_a_call_from_another_thread_wakes_a_loop_that_sleeps_for_ever(loop):
    for _ in range(200):
        threading.Timer(0.0005, loop.call_soon_threadsafe, [loop.stop]).start()
        loop.run_forever()


def test_threads_and_loop_can_play_ping_pong(loop, run):
    async def main():
        for number in range(500):
            assert await loop.run_in_executor(None, abs, -number) == number

    run(main())


def test_a_call_from_another_thread_can_be_cancelled(loop, run):
    async def main():
        handle = loop.call_soon_threadsafe(pytest.fail, "called")
        assert isinstance(handle, asyncio.Handle)
        handle.cancel()
        await asyncio.sleep(0.001)

    run(main())


def test_calls_left_before_the_loop_runs_are_run(loop):
    seen = []
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(seen.append, 1))
    thread.start()
    thread.join()
    turn(loop)
    assert seen == [1]


# Signals.


def test_a_signal_handler_runs_while_the_loop_sleeps(loop):
    def handler(*_):
        loop.call_soon_threadsafe(loop.stop)

    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        for _ in range(50):
            sender = threading.Timer(0.001, os.kill, [os.getpid(), signal.SIGUSR1])
            sender.start()
            loop.run_forever()
            sender.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_a_loop_in_another_thread_runs_without_signals():
    import fastloop

    def work():
        results.append(fastloop.run(asyncio.sleep(0.001, "done")))

    results = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == ["done"]


def test_the_wake_up_descriptor_of_others_is_given_back(loop):
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno())
        try:
            turn(loop)
        finally:
            assert signal.set_wakeup_fd(-1) == writer.fileno()


def test_a_sleeping_loop_uses_no_processor(loop):
    before = time.process_time()
    loop.run_until_complete(asyncio.sleep(0.3))
    assert time.process_time() - before < 0.15
