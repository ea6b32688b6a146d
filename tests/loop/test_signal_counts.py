"""How often a handler is called: once for each signal that arrives, however busy the interpreter is."""

import asyncio
import collections
import ctypes
import signal

import pytest
from peers import python, raise_signal, until

pytestmark = pytest.mark.usefixtures("signals_as_before")


def test_of_many_signals_at_once_none_is_lost():
    # In a Python of its own: the alternate signal stack of faulthandler, which pytest enables, is too small
    # for handlers in handlers.
    code = """if True:
        import asyncio, os, signal, fastloop
        names = "SIGUSR1 SIGUSR2 SIGHUP SIGTERM SIGALRM SIGWINCH"
        signals = [getattr(signal, name) for name in names.split()]
        called = dict.fromkeys(signals, 0)

        def handler(sig):
            called[sig] += 1

        async def main():
            loop = asyncio.get_running_loop()
            for sig in signals:
                loop.add_signal_handler(sig, handler, sig)
            for count in range(1, 101):
                signal.pthread_sigmask(signal.SIG_BLOCK, signals)
                for sig in signals * 2:
                    os.kill(os.getpid(), sig)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
                await asyncio.sleep(0.0001)
                assert set(called.values()) == {count}, called

        fastloop.run(main())
    """
    result = python(code)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_signal_that_comes_again_after_its_handler_is_called_again(loop, run):
    async def main():
        called = []
        loop.add_signal_handler(signal.SIGUSR1, called.append, 1)
        for _ in range(1000):
            raise_signal(signal.SIGUSR1)
        await until(lambda: len(called) == 1000)
        loop.remove_signal_handler(signal.SIGUSR1)

    run(main())


def raise_signals(*signals):
    """Raise them from compiled code: none of the interpreter's own handlers runs in between."""
    collections.deque(map(ctypes.PyDLL(None)["raise"], signals), maxlen=0)


def test_each_signal_that_arrives_in_compiled_code_is_called_for(loop, run):
    async def main():
        called = []
        for sig in (signal.SIGUSR1, signal.SIGUSR2):
            loop.add_signal_handler(sig, called.append, sig)
        for _ in range(100):
            raise_signals(*[signal.SIGUSR1] * 3, *[signal.SIGUSR2] * 2)
            raise_signal(signal.SIGUSR1)
            await asyncio.sleep(0)
            raise_signals(signal.SIGUSR1)
        await until(lambda: len(called) >= 700)
        await asyncio.sleep(0.001)
        assert (called.count(signal.SIGUSR1), called.count(signal.SIGUSR2)) == (500, 200)
        for sig in (signal.SIGUSR1, signal.SIGUSR2):
            loop.remove_signal_handler(sig)

    run(main())


def test_signals_in_the_last_turn_are_called_for_in_the_next_run(loop):
    called = []
    loop.add_signal_handler(signal.SIGUSR1, called.append, 1)
    for count in (3, 6):
        loop.call_soon(loop.stop)
        loop.call_soon(raise_signals, *[signal.SIGUSR1] * 3)
        loop.run_forever()
        loop.run_until_complete(asyncio.sleep(0.001))
        assert len(called) == count
    loop.remove_signal_handler(signal.SIGUSR1)


def test_more_signals_than_are_read_at_once_are_called_for(loop, run):
    async def main():
        called = []
        loop.add_signal_handler(signal.SIGUSR1, called.append, 1)
        raise_signals(*[signal.SIGUSR1] * 1000)
        await until(lambda: len(called) >= 1000)
        await asyncio.sleep(0.001)
        assert len(called) == 1000
        loop.remove_signal_handler(signal.SIGUSR1)

    run(main())


def test_a_handler_is_not_called_for_what_came_before_it(loop, run):
    async def main():
        called = []
        loop.add_signal_handler(signal.SIGUSR1, called.append, "first")
        raise_signal(signal.SIGUSR1)
        loop.remove_signal_handler(signal.SIGUSR1)
        loop.add_signal_handler(signal.SIGUSR1, called.append, "second")
        await asyncio.sleep(0.001)
        assert called == ["first"]
        loop.remove_signal_handler(signal.SIGUSR1)

    run(main())


def test_with_the_wakeup_descriptor_taken_away_signals_are_called_for(loop, run):
    async def main():
        called = []
        loop.add_signal_handler(signal.SIGUSR1, called.append, 1)
        raise_signals(*[signal.SIGUSR1] * 2)
        await until(lambda: len(called) == 2)
        pipe = signal.set_wakeup_fd(-1)
        raise_signal(signal.SIGUSR1)
        await until(lambda: len(called) == 3)
        signal.set_wakeup_fd(pipe)
        raise_signal(signal.SIGUSR1)
        await until(lambda: len(called) == 4)
        loop.remove_signal_handler(signal.SIGUSR1)

    run(main())
