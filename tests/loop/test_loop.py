"""EventLoop: running, tasks, the executor, asynchronous generators, errors nobody waits for."""

import asyncio
import concurrent.futures
import gc
import logging
import socket
import sys
import threading
import time
import weakref

import pytest
from peers import python

import fastloop


def test_it_is_an_asyncio_event_loop(loop):
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert repr(loop) == "<EventLoop running=False closed=False debug=False>"


def test_the_result_of_a_coroutine_is_returned(loop):
    async def main():
        assert asyncio.get_running_loop() is loop
        assert loop.is_running()
        return 42

    assert loop.run_until_complete(main()) == 42
    assert not loop.is_running()


def test_the_exception_of_a_coroutine_is_raised(loop):
    async def main():
        await asyncio.sleep(0)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        loop.run_until_complete(main())


def test_a_future_can_be_run_to_its_end(loop):
    future = loop.create_future()
    loop.call_later(0.001, future.set_result, 1)
    assert loop.run_until_complete(future) == 1
    assert loop.run_until_complete(future) == 1


def test_a_future_that_never_ends_is_told_of(loop):
    future = loop.create_future()
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="Event loop stopped before Future completed"):
        loop.run_until_complete(future)
    # It does not stop the loop any more.
    future.set_result(None)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()


def test_a_cancelled_task_raises(loop):
    async def main():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(main())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_a_task_comes_out_once(loop, kind):
    async def main():
        raise kind

    with pytest.raises(kind):
        loop.run_until_complete(main())
    assert loop.run_until_complete(asyncio.sleep(0, "again")) == "again"


def test_what_cannot_be_awaited_is_refused(loop):
    with pytest.raises(TypeError):
        loop.run_until_complete(42)


def test_a_running_loop_cannot_be_run(loop, run):
    async def main():
        future = loop.create_future()
        with pytest.raises(RuntimeError, match="already running"):
            loop.run_forever()
        with pytest.raises(RuntimeError, match="already running"):
            loop.run_until_complete(future)
        with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
            loop.close()
        other = fastloop.new_event_loop()
        with pytest.raises(RuntimeError, match="while another loop is running"):
            other.run_forever()
        other.close()

    run(main())


def test_a_running_loop_cannot_be_run_by_another_thread(loop, run):
    def other():
        with pytest.raises(RuntimeError, match="already running"):
            loop.run_forever()
        return "refused"

    async def main():
        assert await loop.run_in_executor(None, other) == "refused"

    run(main())


def test_a_closed_loop_refuses_everything(loop):
    loop.close()
    future = asyncio.sleep(0)
    for call in (
        loop.run_forever,
        lambda: loop.run_until_complete(future),
        lambda: loop.create_task(future),
        lambda: loop.run_in_executor(None, print),
    ):
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            call()
    future.close()


def test_a_loop_that_is_not_closed_warns_and_closes_itself():
    loop = fastloop.new_event_loop()
    with pytest.warns(ResourceWarning, match="unclosed event loop <EventLoop"):
        del loop


def test_a_closed_loop_goes_away(loop):
    other = fastloop.new_event_loop()
    other.run_until_complete(asyncio.sleep(0))
    other.close()
    gone = weakref.ref(other)
    del other
    gc.collect()
    assert gone() is None


# Tasks.


def test_tasks_have_names_and_contexts(loop, run):
    import contextvars

    var = contextvars.ContextVar("var", default="unset")
    context = contextvars.copy_context()

    async def main():
        async def child():
            var.set("child")

        task = loop.create_task(child(), name="number one", context=context)
        assert type(task) is asyncio.Task
        assert task.get_name() == "number one"
        await task
        assert (context[var], var.get()) == ("child", "unset")

    run(main())


def test_a_task_factory_makes_the_tasks(loop, run):
    made = []

    def factory(loop, coro, **options):
        made.append(options)
        return asyncio.Task(coro, loop=loop, **options)

    async def main():
        task = asyncio.create_task(asyncio.sleep(0, "slept"), name="mine")
        assert await task == "slept"
        assert task.get_name() == "mine"

    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    run(main())
    assert len(made) >= 2
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None
    with pytest.raises(TypeError, match="callable or None"):
        loop.set_task_factory(3)


def test_futures_are_asyncios(loop):
    future = loop.create_future()
    assert type(future) is asyncio.Future
    assert future.get_loop() is loop


def test_timeouts_and_groups_work(loop, run):
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0.001, number)) for number in range(100)]
        assert [task.result() for task in tasks] == list(range(100))

        async def one_of_two_fails():
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(60))
                group.create_task(asyncio.to_thread(int, "x"))

        with pytest.raises(ExceptionGroup):
            await one_of_two_fails()

    run(main())


# The executor.


def test_calls_run_in_a_thread_of_the_loops_own(loop, run):
    async def main():
        name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        assert name.startswith("fastloop")
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)
        await loop.shutdown_default_executor()
        with pytest.raises(RuntimeError, match="Executor shutdown has been called"):
            await loop.run_in_executor(None, print)

    run(main())


def test_calls_run_in_a_given_executor(loop, run):
    async def main():
        with concurrent.futures.ThreadPoolExecutor(thread_name_prefix="mine") as executor:
            name = await loop.run_in_executor(executor, lambda: threading.current_thread().name)
            assert name.startswith("mine")

    run(main())


def test_the_default_executor_can_be_set(loop, run):
    async def main():
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(thread_name_prefix="mine"))
        assert (await asyncio.to_thread(lambda: threading.current_thread().name)).startswith("mine")
        await loop.shutdown_default_executor()

    run(main())
    with pytest.raises(TypeError, match="must be ThreadPoolExecutor"):
        loop.set_default_executor(object())


def test_shutting_down_no_executor_is_nothing(loop, run):
    run(loop.shutdown_default_executor())


def test_an_executor_that_takes_too_long_is_left_with_a_warning(loop, run):
    release = threading.Event()

    async def main():
        blocked = loop.run_in_executor(None, release.wait, 20)
        with pytest.warns(RuntimeWarning, match="within 0.01 seconds"):
            await loop.shutdown_default_executor(timeout=0.01)
        release.set()
        await blocked
        # Its thread tells the loop that it is done; nobody listens any more.
        await asyncio.sleep(0.02)

    run(main())


# Asynchronous generators.


def test_shutdown_asyncgens_closes_what_is_open(loop):
    closed = []

    async def numbers():
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(1)

    async def main():
        generators = [numbers() for _ in range(3)]
        for generator in generators:
            await anext(generator)
        await loop.shutdown_asyncgens()
        assert closed == [1, 1, 1]
        late = numbers()
        with pytest.warns(ResourceWarning, match=r"was scheduled after loop\.shutdown_asyncgens"):
            await anext(late)
        await late.aclose()

    loop.run_until_complete(main())
    assert loop.reports == []


def test_an_error_while_a_generator_closes_is_reported(loop):
    async def numbers():
        try:
            yield 1
        finally:
            raise ValueError("mine")

    async def main():
        generator = numbers()
        await anext(generator)
        await loop.shutdown_asyncgens()

    loop.run_until_complete(main())
    (report,) = loop.reports
    assert "closing of asynchronous generator" in report["message"]


def test_a_generator_that_is_dropped_is_closed(loop, run):
    closed = []

    async def numbers():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(1)

    async def main():
        async for _ in numbers():
            break
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert closed == [1]

    run(main())


# Errors nobody waits for.


def test_the_exception_handler_can_be_set_and_is_given_the_context(loop):
    seen = []

    def handler(*args):
        seen.append(args)

    loop.set_exception_handler(handler)
    assert loop.get_exception_handler() is handler
    context = {"message": "hello"}
    loop.call_exception_handler(context)
    assert seen == [(loop, context)]
    with pytest.raises(TypeError, match="callable object or None"):
        loop.set_exception_handler(3)


def test_without_a_handler_errors_are_logged(loop, caplog):
    loop.set_exception_handler(None)
    assert loop.get_exception_handler() is None
    loop.call_soon(lambda: 1 / 0)
    loop.run_until_complete(asyncio.sleep(0.001))
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("asyncio", logging.ERROR)
    assert record.exc_info[0] is ZeroDivisionError
    assert "Exception in callback" in record.getMessage()
    assert "handle: <Handle" in record.getMessage()


@pytest.mark.parametrize("kind", [ValueError, asyncio.CancelledError])
def test_a_handler_that_fails_is_logged(loop, caplog, kind):
    def handler(loop, context):
        raise kind("in handler")

    loop.set_exception_handler(handler)
    loop.call_exception_handler({"message": "first"})
    (record,) = caplog.records
    assert "Unhandled error in exception handler" in record.getMessage()
    assert "first" in record.getMessage()


def test_a_default_handler_that_fails_is_logged(caplog):
    class Broken(fastloop.EventLoop):
        def default_exception_handler(self, context):
            raise ValueError

    loop = Broken()
    loop.call_exception_handler({"message": "first"})
    loop.close()
    assert "Exception in default exception handler" in caplog.text


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_a_handler_comes_out(loop, kind):
    def handler(loop, context):
        raise kind

    loop.set_exception_handler(handler)
    loop.call_soon(lambda: 1 / 0)
    with pytest.raises(kind):
        loop.run_forever()
    loop.set_exception_handler(None)


def test_an_exception_never_retrieved_is_reported(loop):
    async def fail():
        raise ValueError("mine")

    task = loop.create_task(fail())
    loop.run_until_complete(asyncio.sleep(0.001))
    del task
    gc.collect()
    assert [report["message"] for report in loop.reports] == ["Task exception was never retrieved"]


# All of it.


def abstract_methods():
    return [
        name for name, method in vars(asyncio.AbstractEventLoop).items()
        if callable(method) and not name.startswith("_")
    ]


@pytest.mark.parametrize("name", abstract_methods())
def test_every_method_of_asyncio_is_there(name):
    assert getattr(fastloop.EventLoop, name) is not getattr(asyncio.AbstractEventLoop, name)


# The module.


def test_import_warns_of_nothing():
    for name in ("fastloop", "fastloop_http"):
        result = python(f"import {name}", "-W", "error", "-X", "dev")
        assert (result.returncode, result.stderr) == (0, "")


def test_all_names_are_there():
    assert {name for name in fastloop.__all__ if not hasattr(fastloop, name)} == set()
    with pytest.raises(AttributeError, match="nonsense"):
        fastloop.nonsense  # noqa: B018


def test_run_runs_on_our_loop():
    async def main():
        return type(asyncio.get_running_loop())

    assert fastloop.run(main()) is fastloop.EventLoop

    async def debug():
        return asyncio.get_running_loop().get_debug()

    assert fastloop.run(debug(), debug=True) is True
    assert fastloop.run(debug(), debug=False) is False


def test_debug_mode_follows_the_environment():
    show = "import fastloop; loop = fastloop.new_event_loop(); print(loop.get_debug()); loop.close()"
    assert python(show, PYTHONASYNCIODEBUG="1").stdout == "True\n"
    assert python(show, PYTHONASYNCIODEBUG="").stdout == "False\n"
    assert python(show, "-E", PYTHONASYNCIODEBUG="1").stdout == "False\n"
    assert python(show, "-X", "dev").stdout == "True\n"


def test_getnameinfo_asks_the_system(loop, run):
    async def main():
        flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        assert await loop.getnameinfo(("127.0.0.1", 80), flags) == ("127.0.0.1", "80")

    run(main())


def test_a_loop_leaves_interpreter_settings_as_they_were(loop):
    hooks, depth = sys.get_asyncgen_hooks(), sys.get_coroutine_origin_tracking_depth()
    loop.set_debug(True)
    loop.run_until_complete(asyncio.sleep(0))
    assert sys.get_asyncgen_hooks() == hooks
    assert sys.get_coroutine_origin_tracking_depth() == depth


def test_closing_does_not_wait_for_the_executor(loop):
    release = threading.Event()
    loop.run_in_executor(None, release.wait, 20)
    before = time.monotonic()
    loop.close()
    assert time.monotonic() - before < 10
    release.set()
