"""The end of children: signals, exit codes, who reaps them, and what is left of them: nothing."""

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
import subprocess
import threading
import warnings

import pytest
from children import CAT, FOREVER, children, output, spawn
from peers import descriptors, python, until

import fastloop


@pytest.fixture(autouse=True)
def no_child_left():
    """No test may leave a child behind, dead or alive."""
    before = children()
    yield
    assert children() == before


@pytest.mark.parametrize(
    ("send", "expected"),
    [
        (lambda transport: transport.kill(), signal.SIGKILL),
        (lambda transport: transport.terminate(), signal.SIGTERM),
        (lambda transport: transport.send_signal(signal.SIGUSR1), signal.SIGUSR1),
    ],
    ids=["kill", "terminate", "send_signal"],
)
def test_signals_end_a_child_and_then_find_none(run, either_way, send, expected):
    async def main():
        transport, child = await spawn(*FOREVER)
        send(transport)
        await child.lost
        assert transport.get_returncode() == -expected
        with pytest.raises(ProcessLookupError):
            send(transport)
        transport.close()

    run(main())


def test_no_signal_is_sent_once_the_number_may_be_anothers(run, either_way, monkeypatch):
    sent = []

    def kill(pid, sig, kill=os.kill):
        # Raises ChildProcessError for what is reaped.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        sent.append(sig)
        kill(pid, sig)

    async def main():
        monkeypatch.setattr(os, "kill", kill)
        process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE)
        process.send_signal(0)
        # It ends now, and is asked after until that is known.
        process.stdin.close()
        while process.returncode is None:
            process.send_signal(0)
            await asyncio.sleep(0)
        count = len(sent)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(0)
        assert len(sent) == count > 0

    run(main())


def test_a_stopped_child_has_not_ended(run, either_way):
    async def main():
        transport, child = await spawn(*FOREVER)
        transport.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.05)
        assert transport.get_returncode() is None
        transport.close()
        await child.lost

    run(main())


def test_a_wait_can_be_cancelled(run, either_way):
    async def main():
        process = await asyncio.create_subprocess_exec(*FOREVER)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await process.wait()
        waits = [asyncio.create_task(process.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        process.kill()
        assert await asyncio.gather(*waits) == [-signal.SIGKILL] * 3

    run(main())


# Who reaps.


def test_a_status_that_somebody_else_took_is_255_and_a_warning(run, either_way, caplog):
    async def main():
        transport, child = await spawn(*FOREVER)
        os.kill(transport.get_pid(), signal.SIGKILL)
        assert os.waitpid(transport.get_pid(), 0)[1] == signal.SIGKILL  # noqa: ASYNC222
        await child.lost
        assert transport.get_returncode() == 255
        assert f"child process pid {transport.get_pid()} exit status already read" in caplog.text
        transport.close()

    with caplog.at_level(logging.WARNING, "asyncio"):
        run(main())


def test_children_that_the_kernel_reaps_end_all_the_same(run, either_way):
    async def main():
        assert await output("/bin/echo", "x") == (255, b"x\n")

    previous = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        run(main())
    finally:
        signal.signal(signal.SIGCHLD, previous)


def test_a_status_that_popen_took_is_known(run, either_way, caplog):
    async def main():
        transport, child = await spawn(*FOREVER)
        process = transport.get_extra_info("subprocess")
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert transport.get_returncode() is None
        await child.lost
        assert transport.get_returncode() == -signal.SIGKILL
        assert caplog.messages == []
        transport.close()

    run(main())


def test_no_signal_handler_and_no_thread_is_needed(run):
    async def main():
        before = signal.getsignal(signal.SIGCHLD)
        threads = threading.active_count()
        process = await asyncio.create_subprocess_exec(*FOREVER)
        assert threading.active_count() == threads
        assert signal.getsignal(signal.SIGCHLD) is before
        process.kill()
        await process.wait()

    run(main())


def test_a_loop_in_another_thread_has_children(either_way):
    results = []
    thread = threading.Thread(target=lambda: results.append(fastloop.run(output("/bin/echo", "x"))))
    thread.start()
    thread.join(30)
    assert results == [(0, b"x\n")]


def test_without_descriptors_for_it_a_thread_waits(run, monkeypatch):
    def refuse(pid, flags=0):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def main():
        transport, child = await spawn(*CAT)
        assert [thread.name for thread in threading.enumerate() if "waitpid" in thread.name] == [
            f"fastloop-waitpid-{transport.get_pid()}"
        ]
        transport.get_pipe_transport(0).close()
        await child.lost
        assert transport.get_returncode() == 0
        transport.close()

    monkeypatch.setattr(os, "pidfd_open", refuse)
    run(main())


# Closing.


def test_close_kills_a_running_child(run, either_way):
    async def main():
        transport, child = await spawn(*FOREVER)
        transport.close()
        transport.close()
        await child.lost
        assert transport.get_returncode() == -signal.SIGKILL
        assert sorted(child.told) == ["exited", "lost", "lost 0", "lost 1", "lost 2", "made"]

    run(main())


def test_close_does_not_kill_what_has_ended(run, either_way, monkeypatch):
    async def main():
        transport, child = await spawn(*FOREVER)
        pid = transport.get_pid()
        os.kill(pid, signal.SIGTERM)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222
        process = transport.get_extra_info("subprocess")
        monkeypatch.setattr(process, "send_signal", lambda signal: pytest.fail("was killed"))
        transport.close()
        await child.lost
        assert transport.get_returncode() == -signal.SIGTERM

    run(main())


@pytest.mark.parametrize("turns", range(6))
def test_a_start_that_is_cancelled_leaves_nothing(run, turns):
    async def main():
        before = descriptors()
        task = asyncio.create_task(spawn(*FOREVER))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            transport, child = await task
        except asyncio.CancelledError:
            pass
        else:
            assert turns > 3
            transport.close()
            await child.lost
        await until(lambda: descriptors() == before)

    run(main())


@pytest.mark.parametrize("method", ["connect_read_pipe", "connect_write_pipe"])
def test_a_pipe_that_cannot_be_connected_ends_the_child(run, monkeypatch, method):
    async def fail(*args):
        raise OSError("mine")

    async def main():
        before = descriptors()
        monkeypatch.setattr(asyncio.get_running_loop(), method, fail, raising=True)
        with pytest.raises(OSError, match=r"^mine$"):
            await spawn(*FOREVER)
        await until(lambda: descriptors() == before)

    run(main())


def test_an_unclosed_transport_warns_and_kills():
    loop = fastloop.new_event_loop()
    before = descriptors()
    transport, child = loop.run_until_complete(spawn(*FOREVER))
    popen = transport.get_extra_info("subprocess")
    loop.close()
    del transport, child
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
    said = [str(warning.message) for warning in caught]
    assert sum(message.startswith("unclosed transport <ProcessTransport pid=") for message in said) == 1
    assert sum("unclosed transport <" in message for message in said) == 4
    assert popen.wait(30) == -signal.SIGKILL
    assert descriptors() < before


def test_a_closed_loop_lets_its_children_go():
    loop = fastloop.new_event_loop()
    process = loop.run_until_complete(asyncio.create_subprocess_exec(*FOREVER))
    loop.close()
    transport = process._transport
    popen = transport.get_extra_info("subprocess")
    transport.close()
    assert popen.wait(30) == -signal.SIGKILL


def test_a_thread_reaps_what_outlives_its_loop(monkeypatch, caplog):
    monkeypatch.delattr(os, "pidfd_open")
    loop = fastloop.new_event_loop()
    process = loop.run_until_complete(asyncio.create_subprocess_exec(*FOREVER))
    loop.close()
    with caplog.at_level(logging.WARNING, "asyncio"):
        process._transport.close()
        for thread in threading.enumerate():
            if thread.name == f"fastloop-waitpid-{process.pid}":
                thread.join(30)
    assert f"that handles pid {process.pid} is closed" in caplog.text
    process._transport.get_extra_info("subprocess").returncode = -signal.SIGKILL


def test_two_hundred_children_leave_nothing(run, either_way):
    def left():
        gc.collect()
        kinds = (asyncio.BaseTransport, asyncio.BaseProtocol, asyncio.StreamReader, subprocess.Popen)
        held = sum(isinstance(thing, kinds) for thing in gc.get_objects())
        return descriptors(), children(), threading.active_count(), held

    async def main():
        before = left()
        for _ in range(20):
            results = await asyncio.gather(*[output("/bin/echo", "x") for _ in range(10)])
            assert results == [(0, b"x\n")] * 10
        # The threads, and the timers that still hold a transport, are gone in no time.
        await until(lambda: left() == before)

    run(main())


def test_a_run_that_ends_with_a_wait_warns_of_nothing():
    code = """if True:
        import asyncio, subprocess, fastloop
        async def main():
            process = await asyncio.create_subprocess_exec("/bin/echo", "x", stdout=subprocess.PIPE)
            await process.wait()
        for _ in range(20):
            fastloop.run(main())
    """
    result = python(code, "-X", "dev", "-W", "error")
    assert (result.returncode, result.stderr) == (0, "")
