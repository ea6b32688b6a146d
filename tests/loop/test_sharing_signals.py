"""sharing_signals: several who are told of one signal, and what handles it afterwards."""

import asyncio
import contextlib
import signal

import pytest
from peers import in_thread, raise_signal, until

pytestmark = pytest.mark.usefixtures("signals_as_before")

SIG = signal.SIGTERM


def test_all_who_share_a_signal_are_told(loop, run):
    async def main():
        told = []
        with loop.sharing_signals((SIG, signal.SIGUSR1), lambda: told.append("one")):
            with loop.sharing_signals((SIG,), lambda: told.append("two")):
                raise_signal(SIG)
                await until(lambda: len(told) == 2)
                assert sorted(told) == ["one", "two"]
            raise_signal(signal.SIGUSR1)
            raise_signal(SIG)
            await until(lambda: len(told) == 4)
            assert told[2:] == ["one", "one"]

    run(main())


def test_they_may_leave_in_any_order(loop, run):
    async def main():
        told = []
        before = signal.getsignal(SIG)
        first, second = contextlib.ExitStack(), contextlib.ExitStack()
        first.enter_context(loop.sharing_signals((SIG,), lambda: told.append("one")))
        second.enter_context(loop.sharing_signals((SIG,), lambda: told.append("two")))
        first.close()
        raise_signal(SIG)
        await until(lambda: told)
        second.close()
        assert told == ["two"]
        assert signal.getsignal(SIG) is before

    run(main())


@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.SIG_DFL, lambda *args: None])
def test_the_handler_of_before_is_back_afterwards(loop, run, before):
    async def main():
        signal.signal(SIG, before)
        with loop.sharing_signals((SIG,), lambda: None):
            assert signal.getsignal(SIG) is not before
        assert signal.getsignal(SIG) is before
        assert loop.remove_signal_handler(SIG) is False
        signal.signal(SIG, signal.SIG_DFL)

    run(main())


def test_the_loops_own_handler_of_before_is_back_afterwards(loop, run):
    async def main():
        told = []
        loop.add_signal_handler(SIG, lambda: told.append("own"))
        with loop.sharing_signals((SIG,), lambda: told.append("shared")):
            raise_signal(SIG)
            await until(lambda: told)
        raise_signal(SIG)
        await until(lambda: len(told) == 2)
        assert told == ["shared", "own"]
        assert loop.remove_signal_handler(SIG) is True

    run(main())


@pytest.mark.parametrize("by_loop", [False, True])
def test_a_handler_set_meanwhile_stays(loop, run, by_loop):
    async def main():
        told = []
        with loop.sharing_signals((SIG,), lambda: None):
            if by_loop:
                loop.add_signal_handler(SIG, lambda: told.append(1))
            else:
                signal.signal(SIG, lambda *args: told.append(1))
        raise_signal(SIG)
        await until(lambda: told)
        loop.remove_signal_handler(SIG)
        signal.signal(SIG, signal.SIG_DFL)

    run(main())


def test_a_signal_that_cannot_be_caught_leaves_the_others_as_they_were(loop, run):
    async def main():
        before = signal.getsignal(SIG)
        with pytest.raises(RuntimeError, match="cannot be caught"), \
                loop.sharing_signals((SIG, signal.SIGKILL), lambda: None):
            pass
        assert signal.getsignal(SIG) is before

    run(main())


def test_other_threads_cannot_share_signals(loop, run):
    async def main():
        def share():
            with loop.sharing_signals((SIG,), lambda: None):
                pass

        with pytest.raises(RuntimeError):
            await in_thread(share)
        await asyncio.sleep(0)

    run(main())
