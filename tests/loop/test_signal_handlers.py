"""add_signal_handler: when the loop calls, what it refuses, and what it leaves behind."""

import asyncio
import contextvars
import functools
import gc
import os
import signal
import subprocess
import sys
import threading
import weakref

import pytest
from peers import ROOT, SIGNALS, in_thread, python, raise_signal, until

import fastloop

pytestmark = pytest.mark.usefixtures("signals_as_before")

# When it is called.


@pytest.mark.parametrize("sig", [*SIGNALS, signal.SIGINT, int(signal.SIGUSR1)])
def test_the_loop_calls_the_handler_with_its_arguments(loop, run, sig):
    async def main():
        called = []
        loop.add_signal_handler(sig, lambda *args: called.append((args, asyncio._get_running_loop())), 1, 2)
        raise_signal(sig)
        assert called == []
        await until(lambda: called)
        assert called == [((1, 2), loop)]
        assert loop.remove_signal_handler(sig) is True

    run(main())


def test_a_signal_wakes_a_loop_that_sleeps(loop):
    called = []

    def handler():
        called.append(1)
        loop.stop()

    loop.add_signal_handler(signal.SIGALRM, handler)
    timeout = loop.call_later(30, loop.stop)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    loop.run_forever()
    timeout.cancel()
    assert called == [1]
    loop.remove_signal_handler(signal.SIGALRM)


def test_a_signal_from_another_process_arrives(loop, run):
    async def main():
        came = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, came.set)
        process = await asyncio.create_subprocess_shell(f"kill -USR1 {os.getpid()}")
        await came.wait()
        assert await process.wait() == 0
        loop.remove_signal_handler(signal.SIGUSR1)

    run(main())


def test_signals_before_and_between_runs_are_kept(loop):
    called = []
    loop.add_signal_handler(signal.SIGUSR1, called.append, 1)
    raise_signal(signal.SIGUSR1)
    assert called == []
    loop.run_until_complete(asyncio.sleep(0.001))
    assert called == [1]
    raise_signal(signal.SIGUSR1)
    loop.run_until_complete(asyncio.sleep(0.001))
    assert called == [1, 1]
    loop.remove_signal_handler(signal.SIGUSR1)


def test_the_handler_runs_in_the_context_it_was_added_in(loop, run):
    variable = contextvars.ContextVar("variable", default="none")

    async def main():
        seen = []
        variable.set("added")
        loop.add_signal_handler(signal.SIGUSR1, lambda: seen.append(variable.get()))
        variable.set("later")
        raise_signal(signal.SIGUSR1)
        await until(lambda: seen)
        assert seen == ["added"]
        loop.remove_signal_handler(signal.SIGUSR1)

    run(main())


def test_a_handler_that_fails_is_reported_and_stays(loop):
    def handler():
        raise ValueError("mine")

    loop.add_signal_handler(signal.SIGUSR1, handler)
    for count in (1, 2):
        raise_signal(signal.SIGUSR1)
        loop.run_until_complete(asyncio.sleep(0.001))
        assert len(loop.reports) == count
    assert str(loop.reports[0]["exception"]) == "mine"
    loop.remove_signal_handler(signal.SIGUSR1)


def test_another_handler_replaces_the_first(loop, run):
    async def main():
        called = []
        loop.add_signal_handler(signal.SIGUSR1, called.append, "first")
        loop.add_signal_handler(signal.SIGUSR1, called.append, "second")
        raise_signal(signal.SIGUSR1)
        await until(lambda: called)
        assert called == ["second"]
        assert loop.remove_signal_handler(signal.SIGUSR1) is True
        assert loop.remove_signal_handler(signal.SIGUSR1) is False

    run(main())


def test_a_handler_can_be_removed_by_itself(loop, run):
    async def main():
        called = []
        loop.add_signal_handler(
            signal.SIGUSR1, lambda: called.append(loop.remove_signal_handler(signal.SIGUSR1)))
        raise_signal(signal.SIGUSR1)
        await until(lambda: called)
        assert called == [True]

    run(main())


def test_a_system_call_of_anothers_is_not_interrupted():
    code = """if True:
        import asyncio, os, signal, fastloop
        loop = fastloop.new_event_loop()
        loop.add_signal_handler(signal.SIGALRM, lambda: print("called", flush=True))
        import ctypes
        libc = ctypes.PyDLL(None, use_errno=True)
        reader, writer = os.pipe()
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        if os.fork() == 0:
            import time
            time.sleep(0.3)
            os.write(writer, b"x")
            os._exit(0)
        buffer = ctypes.create_string_buffer(1)
        assert libc.read(reader, buffer, 1) == 1, os.strerror(ctypes.get_errno())
        os.wait()
        loop.run_until_complete(asyncio.sleep(0.001))
        loop.close()
    """
    result = python(code)
    assert (result.returncode, result.stdout, result.stderr) == (0, "called\n", "")


# What is refused.


@pytest.mark.parametrize("method", ["add_signal_handler", "remove_signal_handler"])
@pytest.mark.parametrize(
    ("sig", "error", "message"),
    [
        ("SIGINT", TypeError, "^sig must be an int, not 'SIGINT'$"),
        (1.0, TypeError, "^sig must be an int"),
        (None, TypeError, "^sig must be an int"),
        (0, ValueError, "^invalid signal number 0$"),
        (-1, ValueError, "^invalid signal number -1$"),
        (signal.NSIG, ValueError, "^invalid signal number"),
        (10**30, ValueError, "^invalid signal number"),
    ],
)
def test_what_is_no_signal_is_refused(loop, method, sig, error, message):
    args = (print,) if method == "add_signal_handler" else ()
    with pytest.raises(error, match=message):
        getattr(loop, method)(sig, *args)


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGSTOP])
def test_what_cannot_be_caught_is_refused(loop, sig):
    with pytest.raises(RuntimeError, match=f"^sig {sig} cannot be caught$"):
        loop.add_signal_handler(sig, print)
    assert loop.remove_signal_handler(sig) is False


async def coroutine_function():
    pass


def test_coroutines_are_refused(loop):
    coroutine = coroutine_function()
    for callback in (coroutine, coroutine_function, functools.partial(coroutine_function)):
        with pytest.raises(TypeError, match=r"^coroutines cannot be used with add_signal_handler\(\)$"):
            loop.add_signal_handler(signal.SIGUSR1, callback)
    coroutine.close()


def test_a_closed_loop_takes_no_handler(loop):
    loop.close()
    with pytest.raises(RuntimeError, match=r"^Event loop is closed$"):
        loop.add_signal_handler(signal.SIGUSR1, print)
    assert loop.remove_signal_handler(signal.SIGUSR1) is False


def test_only_the_main_thread_takes_handlers(loop):
    def attempt():
        with pytest.raises(RuntimeError, match="main thread"):
            loop.add_signal_handler(signal.SIGUSR1, print)

    loop.run_until_complete(in_thread(attempt))
    assert loop.remove_signal_handler(signal.SIGUSR1) is False


def test_a_loop_that_runs_in_another_thread_is_called_there():
    loop = fastloop.new_event_loop()
    called = []

    def handler():
        called.append(threading.current_thread())
        loop.stop()

    loop.add_signal_handler(signal.SIGUSR1, handler)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    raise_signal(signal.SIGUSR1)
    thread.join(30)
    assert called == [thread]
    loop.close()


# What is left.


@pytest.mark.parametrize(
    ("sig", "handler"), [(signal.SIGUSR1, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)])
def test_the_default_is_restored(loop, sig, handler):
    signal.signal(sig, lambda *_: None)
    loop.add_signal_handler(sig, print)
    loop.remove_signal_handler(sig)
    assert signal.getsignal(sig) is handler
    loop.add_signal_handler(sig, print)
    loop.close()
    assert signal.getsignal(sig) is handler


def test_a_loop_that_nobody_holds_takes_its_handlers_along():
    loop = fastloop.new_event_loop()
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    gone = weakref.ref(loop)
    loop.close()
    del loop
    gc.collect()
    assert gone() is None


def test_an_unclosed_loop_is_not_kept_by_a_handler():
    loop = fastloop.new_event_loop()
    loop.add_signal_handler(signal.SIGUSR1, int)
    held = [loop]
    del loop
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        held.clear()
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_the_wakeup_descriptor_is_restored(loop):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer)
    try:
        loop.add_signal_handler(signal.SIGUSR1, loop.stop)
        loop.call_soon(raise_signal, signal.SIGUSR1)
        loop.run_forever()
        loop.remove_signal_handler(signal.SIGUSR1)
    finally:
        assert signal.set_wakeup_fd(before) == writer
    os.close(reader)
    os.close(writer)


def test_a_wakeup_descriptor_that_was_closed_meanwhile_is_let_go(loop):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer)
    try:
        loop.call_soon(os.close, writer)
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        assert signal.set_wakeup_fd(before) == -1
    os.close(reader)


def test_a_second_loop_has_handlers_of_its_own():
    for _ in range(2):
        loop = fastloop.new_event_loop()
        loop.add_signal_handler(signal.SIGUSR1, loop.stop)
        loop.call_soon(raise_signal, signal.SIGUSR1)
        loop.run_forever()
        loop.close()
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


# Others' handlers.


def test_plain_handlers_run_beside_it(loop, run):
    async def main():
        called = []
        previous = signal.signal(signal.SIGUSR2, lambda *_: called.append("plain"))
        try:
            loop.add_signal_handler(signal.SIGUSR1, called.append, "loop")
            raise_signal(signal.SIGUSR2)
            raise_signal(signal.SIGUSR1)
            await until(lambda: len(called) == 2)
            assert called == ["plain", "loop"]
            loop.remove_signal_handler(signal.SIGUSR1)
        finally:
            signal.signal(signal.SIGUSR2, previous)

    run(main())


def test_ctrl_c_is_the_runners_unless_a_handler_takes_it():
    async def interrupted():
        raise_signal(signal.SIGINT)
        await asyncio.sleep(30)

    async def handled():
        came = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, came.set)
        raise_signal(signal.SIGINT)
        await came.wait()
        return "handled"

    with pytest.raises(KeyboardInterrupt):
        fastloop.run(interrupted())
    assert fastloop.run(handled()) == "handled"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        fastloop.run(interrupted())


def test_a_server_is_stopped_by_sigterm():
    code = """if True:
        import asyncio, os, signal, fastloop
        async def main():
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            print("ready", flush=True)
            await stop.wait()
            print("stopped")
        fastloop.run(main())
    """
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.stdout.read() == b"stopped\n"
    assert process.returncode == 0
