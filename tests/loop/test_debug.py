"""Debug mode: what is slow is logged, and what is made knows where it was made."""

import asyncio
import concurrent.futures
import contextvars
import logging
import socket
import sys
import threading
import time
import warnings

import pytest
from peers import connected_pair

import fastloop


@pytest.fixture
def debug(loop):
    """A loop in debug mode, for which nothing is slow."""
    loop.set_debug(True)
    loop.slow_callback_duration = 60.0
    return loop


def line_of(call):
    return call.__code__.co_firstlineno


def turn(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_debug_mode_is_asked_for_and_told_of(loop):
    assert loop.get_debug() is False
    loop.set_debug(True)
    assert loop.get_debug() is True
    assert loop.slow_callback_duration == 0.1


# What is slow.


def test_a_slow_callback_is_logged(debug, caplog):
    debug.slow_callback_duration = 0.02
    debug.call_soon(time.sleep, 0.03)
    debug.call_soon(time.sleep, 0)
    with caplog.at_level(logging.WARNING, "asyncio"):
        turn(debug)
    (record,) = caplog.records
    assert record.message.startswith("Executing <Handle ")
    assert "sleep(0.03)" in record.message
    assert record.message.partition(" took 0.0")[2].endswith(" seconds")


def test_a_slow_task_is_logged_as_one(debug, caplog):
    async def slow():
        time.sleep(0.03)  # noqa: ASYNC251 - that is what it is about

    debug.slow_callback_duration = 0.02
    with caplog.at_level(logging.WARNING, "asyncio"):
        debug.run_until_complete(slow())
    assert caplog.records[0].message.startswith("Executing <Task finished name='Task-")
    assert " took 0.0" in caplog.records[0].message


def test_a_slow_protocol_is_logged_with_its_transport(debug, caplog):
    class Slow(asyncio.Protocol):
        def __init__(self):
            self.done = asyncio.get_running_loop().create_future()

        def data_received(self, data):
            time.sleep(0.03)
            self.done.set_result(None)

    async def main():
        transport, protocol, peer = await connected_pair(Slow())
        peer.send(b"x")
        await protocol.done
        transport.close()
        peer.close()

    debug.slow_callback_duration = 0.02
    with caplog.at_level(logging.WARNING, "asyncio"):
        debug.run_until_complete(main())
    assert [record.message[:22] for record in caplog.records] == ["Executing <Stream open"]


def test_nothing_is_measured_without_debug_mode(loop, caplog):
    loop.slow_callback_duration = 0
    loop.call_soon(time.sleep, 0.001)
    turn(loop)
    assert caplog.records == []


def test_debug_mode_can_be_turned_on_by_a_callback(loop, caplog):
    loop.slow_callback_duration = 0.02

    async def main():
        loop.set_debug(True)
        await asyncio.sleep(0)
        time.sleep(0.03)  # noqa: ASYNC251 - that is what it is about

    with caplog.at_level(logging.WARNING, "asyncio"):
        loop.run_until_complete(main())
    assert len(caplog.records) == 1


# Where things come from.


@pytest.mark.parametrize("schedule", [
    lambda loop: loop.call_soon(print, 1), lambda loop: loop.call_soon_threadsafe(print, 1),
    lambda loop: loop.call_later(60, print, 1), lambda loop: loop.call_at(loop.time() + 60, print, 1),
])
def test_a_handle_knows_where_it_was_made(debug, schedule):
    handle = schedule(debug)
    frame = handle._source_traceback[-1]
    assert (frame.filename, frame.lineno, frame.name) == (__file__, line_of(schedule), "<lambda>")
    assert repr(handle).endswith(f"print(1) created at {__file__}:{line_of(schedule)}>")
    kind = type(handle).__name__.removeprefix("Traced")
    timer = f"{kind} when={handle.when()}" if isinstance(handle, asyncio.TimerHandle) else kind
    assert repr(handle).startswith(f"<{timer} print(1)")
    handle.cancel()
    handle.cancel()
    assert repr(handle).split()[1] == "cancelled"
    assert "print(1)" in repr(handle)


def test_without_debug_mode_nothing_is_remembered(loop):
    assert loop.call_soon(print)._source_traceback is None
    assert loop.call_later(60, print)._source_traceback is None


def test_arguments_are_shown_as_asyncio_shows_them(loop):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = asyncio.Handle(print, ("secret",), loop)
    assert repr(loop.call_soon(print, "secret")) == repr(theirs)


def test_a_task_knows_where_it_was_made(debug):
    async def main():
        return asyncio.current_task()._source_traceback[-1]

    frame = debug.run_until_complete(debug.create_task(main()))
    assert (frame.filename, frame.name) == (__file__, "test_a_task_knows_where_it_was_made")


def test_an_error_comes_with_where_its_callback_was_made(debug):
    debug.call_soon(lambda: 1 // 0)
    turn(debug)
    (report,) = debug.reports
    assert report["source_traceback"][-1].filename == __file__
    assert report["source_traceback"] is report["handle"]._source_traceback


def test_the_log_tells_where_what_failed_was_made(debug, caplog):
    debug.set_exception_handler(None)
    debug.call_soon(lambda: 1 // 0)
    debug.call_soon(lambda: debug.call_exception_handler({"message": "mine"}))
    turn(debug)
    first, second = (record.message for record in caplog.records)
    assert "source_traceback: Object created at (most recent call last):\n  File" in first
    assert second.startswith("mine\nhandle_traceback: Handle created at (most recent call last):\n  File")
    assert debug._current_handle is None


@pytest.mark.parametrize("running", [True, False])
def test_coroutines_know_their_origin_while_a_debug_loop_runs(loop, running):
    async def depth():
        return sys.get_coroutine_origin_tracking_depth()

    async def main():
        if running:
            loop.set_debug(True)
        await asyncio.sleep(0)
        seen = [await depth()]
        loop.set_debug(False)
        await asyncio.sleep(0)
        return [*seen, await depth()]

    before = sys.get_coroutine_origin_tracking_depth()
    loop.set_debug(not running)
    assert loop.run_until_complete(main()) == [10, before]
    assert sys.get_coroutine_origin_tracking_depth() == before


def test_debug_mode_set_from_another_thread_is_the_loops(loop):
    async def main():
        await loop.run_in_executor(None, loop.set_debug, True)
        await asyncio.sleep(0)
        return sys.get_coroutine_origin_tracking_depth()

    assert loop.run_until_complete(main()) == 10


# What is refused.


def test_a_call_from_another_thread_is_refused(debug):
    def call():
        with pytest.raises(RuntimeError, match="Non-thread-safe operation invoked on an event loop other"):
            debug.call_soon(print)
        return threading.get_ident()

    async def main():
        return await debug.run_in_executor(None, call)

    assert debug.run_until_complete(main()) != threading.get_ident()


def test_a_coroutine_function_is_no_callback(debug):
    async def coroutine():
        pass

    for call in (debug.call_soon, debug.call_soon_threadsafe):
        with pytest.raises(TypeError, match=rf"coroutines cannot be used with {call.__name__}\(\)"):
            call(coroutine)
    with pytest.raises(TypeError, match=r"coroutines cannot be used with run_in_executor\(\)"):
        debug.run_in_executor(None, coroutine)


def test_an_endpoint_is_logged(debug, caplog):
    async def main():
        transport, _ = await debug.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        transport.close()

    with caplog.at_level(logging.DEBUG, "asyncio"):
        debug.run_until_complete(main())
    (record,) = [record for record in caplog.records if "Datagram endpoint" in record.message]
    assert "local_addr=('127.0.0.1', 0)" in record.message
    assert record.levelname == "INFO"


def test_servers_and_connections_are_logged(debug, caplog):
    async def main():
        server = await debug.create_server(asyncio.Protocol, "127.0.0.1", 0)
        transport, _ = await debug.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
        transport.close()
        server.close()

    with caplog.at_level(logging.DEBUG, "asyncio"):
        debug.run_until_complete(main())
    said = [(record.levelname, record.message) for record in caplog.records]
    assert any(level == "INFO" and "is serving" in message for level, message in said)
    assert any(level == "DEBUG" and message.startswith("connected to") for level, message in said)


# Errors and the executor, in any mode.


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio does it since 3.12")
@pytest.mark.parametrize("kind", ["handle", "task"])
def test_the_exception_handler_runs_in_the_context_of_what_failed(loop, kind):
    variable = contextvars.ContextVar("variable", default=0)
    seen = []
    loop.set_exception_handler(lambda *_: seen.append(variable.get()))
    context = contextvars.copy_context()
    context.run(variable.set, 5)
    if kind == "handle":
        loop.call_soon(lambda: 1 // 0, context=context)
        turn(loop)
    else:
        task = loop.create_task(asyncio.sleep(0), context=context)
        loop.run_until_complete(task)
        loop.call_exception_handler({"message": "mine", "task": task})
    assert seen == [5]


def test_what_failed_may_have_no_context(loop):
    class Odd:
        def get_context(self):
            return None

    reports = []
    loop.set_exception_handler(lambda *report: reports.append(report))
    report = {"message": "mine", "task": Odd()}
    loop.call_exception_handler(report)
    assert reports == [(loop, report)]


def test_an_executor_that_fails_to_shut_down_says_so(loop):
    class Failing(concurrent.futures.ThreadPoolExecutor):
        def shutdown(self, wait=True, **options):
            super().shutdown(wait, **options)
            if wait:
                raise ValueError("mine")

    loop.set_default_executor(Failing())
    with pytest.raises(ValueError, match="mine"):
        loop.run_until_complete(loop.shutdown_default_executor())
    with pytest.raises(RuntimeError, match="Executor shutdown has been called"):
        loop.run_in_executor(None, print)


def test_debug_mode_works_with_everything_on():
    async def main():
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        async with server, asyncio.timeout(20):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
            await asyncio.to_thread(socket.getservbyname, "http")

    fastloop.run(main(), debug=True)
