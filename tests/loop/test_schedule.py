"""The methods that schedule a callback: what they take, and what they refuse."""

import asyncio
import collections.abc
import contextvars
import fractions
import functools
import inspect
import sys
import threading
import time
import unittest.mock

import pytest

import fastloop

WAYS = {
    "call_soon": lambda loop: loop.call_soon,
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe,
    "call_later": lambda loop: lambda *args, **kwargs: loop.call_later(0, *args, **kwargs),
    "call_at": lambda loop: lambda *args, **kwargs: loop.call_at(0, *args, **kwargs),
}


@pytest.fixture(params=WAYS)
def way(request):
    """One of the four ways to schedule a callback: way(loop)(callback, ...)."""
    return WAYS[request.param]


@pytest.fixture
def schedule(loop, way):
    """The same of `loop`."""
    return way(loop)


@pytest.fixture
def asyncios():
    """A loop of asyncio's own, to compare with."""
    loop = asyncio.SelectorEventLoop()
    yield loop
    loop.close()


@pytest.mark.parametrize("count", range(7))
def test_every_way_takes_any_number_of_arguments_and_a_context(loop, run, schedule, count):
    var = contextvars.ContextVar("var")
    context = contextvars.copy_context()

    async def main():
        done = loop.create_future()
        schedule(lambda *args: done.set_result((args, var.set(1))), *range(count), context=context)
        assert (await done)[0] == tuple(range(count))
        assert context[var] == 1

    run(main())


# Keywords.


@pytest.mark.parametrize(
    ("method", "args", "named"),
    [
        ("call_soon", (), {}),
        ("call_soon_threadsafe", (), {}),
        ("call_later", (0,), {}),
        ("call_later", (), {"delay": 0}),
        ("call_at", (0,), {}),
        ("call_at", (), {"when": 0}),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_what_the_methods_name_may_be_given_by_name(loop, run, method, args, named, reverse):
    var = contextvars.ContextVar("var")
    context = contextvars.copy_context()

    async def main():
        done = loop.create_future()
        more = {"callback": lambda *args: done.set_result((args, var.set(1))), "context": context}
        items = list((named | more).items())
        getattr(loop, method)(*args, **dict(reversed(items) if reverse else items))
        assert (await done)[0] == ()
        assert context[var] == 1

    run(main())


def test_a_name_need_not_be_interned(loop, schedule):
    context = contextvars.copy_context()
    name = "".join(["con", "text"])
    assert schedule(int, 1, 2, **{name: context}).get_context() is context


def test_names_hold_no_references(loop):
    def callback():
        pass

    context = contextvars.copy_context()
    before = sys.getrefcount(callback), sys.getrefcount(context)
    for _ in range(10):
        loop.call_soon(callback=callback, context=context).cancel()
        loop.call_later(delay=1, callback=callback, context=context).cancel()
        with pytest.raises(TypeError):
            loop.call_soon(callback, callback=callback, context=context)
    loop.close()
    assert (sys.getrefcount(callback), sys.getrefcount(context)) == before


def message(loop, method, args, named):
    """Return what the method says of its arguments. Since 3.13 Python may go on with what was meant."""
    with pytest.raises(TypeError) as caught:
        getattr(loop, method)(*args, **named)
    return str(caught.value).rpartition(f"{method}() ")[2].partition(". Did you mean")[0]


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ((), {}),
        ((), {"context": None}),
        ((1,), {"callback": print, "context": None, "kontext": None}),
        ((print, print), {"kontext": None}),
        ((print, print), {"context": None, "end": ""}),
        ((), {"end": "", "context": None}),
        ((), {"args": ()}),
        ((1, print), {"callback": print}),
        ((1, print, 2), {"context": None, "callback": print}),
    ],
)
@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later", "call_at"])
def test_arguments_that_do_not_fit_are_refused_as_by_asyncio(loop, asyncios, method, args, named):
    assert message(loop, method, args, named) == message(asyncios, method, args, named)


@pytest.mark.parametrize(
    ("method", "args", "named"),
    [
        ("call_soon", (), {"delay": 1}),
        ("call_later", (1,), {}),
        ("call_later", (), {"delay": 1}),
        ("call_later", (), {"callback": print}),
        ("call_later", (1,), {"delay": 1}),
        ("call_later", (1,), {"delay": 1, "callback": print}),
        ("call_later", (), {"when": 1, "callback": print}),
        ("call_at", (1,), {}),
        ("call_at", (), {"when": 1}),
        ("call_at", (1, print), {"when": 1}),
        ("call_at", (), {"delay": 1, "callback": print}),
    ],
)
def test_times_that_do_not_fit_are_refused_as_by_asyncio(loop, asyncios, method, args, named):
    assert message(loop, method, args, named) == message(asyncios, method, args, named)


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later", "call_at"])
def test_the_methods_show_asyncios_signatures(loop, asyncios, method):
    assert inspect.signature(getattr(loop, method)) == inspect.signature(getattr(asyncios, method))


# What is refused.


def refusal(method, *args, **named):
    """Return the type of what calling method raises; None: nothing."""
    try:
        method(*args, **named).cancel()
    except Exception as exc:
        return type(exc)
    return None


def test_the_methods_want_a_loop():
    with pytest.raises(TypeError):
        fastloop.EventLoop.call_soon(object(), print)


async def coroutine_function():
    pass


class Coroutine(collections.abc.Coroutine):
    """A coroutine that can be called as well."""

    send = throw = __await__ = None

    def close(self):
        pass

    def __call__(self):
        pass


class Marked:
    """What says by asyncio's old marker that it is a coroutine function."""

    _is_coroutine = getattr(asyncio.coroutines, "_is_coroutine", None)

    def __call__(self):
        pass


CALLBACKS = {
    "function": lambda: print,
    "class": lambda: int,
    "None": lambda: None,
    "int": lambda: 1,
    "str": lambda: "print",
    "generator": lambda: (_ for _ in ()),
    "coroutine": coroutine_function,
    "coroutine function": lambda: coroutine_function,
    "partial of a coroutine function": lambda: functools.partial(coroutine_function),
    "builtin coroutine function": lambda: asyncio.sleep,
    "AsyncMock": unittest.mock.AsyncMock,
    "marked as a coroutine function": Marked,
    "callable coroutine": Coroutine,
}


@pytest.fixture(params=CALLBACKS)
def callback(request):
    """What may or may not be scheduled."""
    callback = CALLBACKS[request.param]()
    yield callback
    if asyncio.iscoroutine(callback):
        callback.close()


def test_debug_mode_refuses_the_callbacks_that_asyncio_refuses(way, loop, asyncios, callback):
    loop.set_debug(True)
    asyncios.set_debug(True)
    assert refusal(way(loop), callback) is refusal(way(asyncios), callback)


def test_what_cannot_be_called_is_refused_in_any_mode(schedule, callback):
    # asyncio reports it as an error of the callback.
    assert refusal(schedule, callback) is (None if callable(callback) else TypeError)


@pytest.mark.parametrize("context", [1, "context", {}, contextvars.Context, contextvars.ContextVar("VAR")])
def test_what_is_no_context_is_refused(loop, run, schedule, context):
    # asyncio reports it as an error of the callback.
    with pytest.raises(TypeError, match="context must be a Context or None, not"):
        schedule(pytest.fail, "called", context=context)
    run(asyncio.sleep(0.001))


@pytest.mark.parametrize(
    ("time", "error"),
    [
        (None, TypeError),
        ("1", TypeError),
        (b"1", TypeError),
        ([], TypeError),
        (1j, TypeError),
        (float("nan"), ValueError),
        (10**400, OverflowError),
        (-(10**400), OverflowError),
        (float("inf"), None),
        (float("-inf"), None),
        (1e300, None),
        (-1e300, None),
        (-1, None),
        (-0.0, None),
        (True, None),
        (fractions.Fraction(1, 3), None),
    ],
)
@pytest.mark.parametrize("method", ["call_later", "call_at"])
def test_what_is_no_time_is_refused(loop, asyncios, method, time, error):
    assert refusal(getattr(loop, method), time, print) is error
    # It takes some of these, and fails later or waits for ever.
    assert refusal(getattr(asyncios, method), time, print) in (error, None)


@pytest.mark.parametrize("named", [{}, {"context": 1}])
def test_a_closed_loop_refuses_whatever_it_is_given(way, loop, asyncios, callback, named):
    for other in (loop, asyncios):
        other.close()
        assert refusal(way(other), callback, **named) is RuntimeError


@pytest.mark.parametrize("method", ["call_later", "call_at"])
def test_no_time_is_refused_by_a_closed_loop_too(loop, asyncios, method):
    for other in (loop, asyncios):
        other.close()
        assert refusal(getattr(other, method), None, print) is TypeError


def test_a_closed_loop_says_so(loop, schedule):
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        schedule(print)


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("kind", [fastloop.EventLoop, asyncio.SelectorEventLoop])
def test_debug_mode_refuses_calls_from_other_threads(way, kind, debug):
    def from_there(loop):
        return refusal(way(loop), print), refusal(way(loop), None if debug else print)

    async def main():
        return await asyncio.to_thread(from_there, loop)

    loop = kind()
    loop.set_debug(debug)
    first, second = loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    if way is WAYS["call_soon_threadsafe"]:
        assert (first, second) == (None, TypeError if debug else None)
    else:
        assert first is second is (RuntimeError if debug else None)


def test_debug_mode_lets_who_is_in_no_loop_call(loop, schedule):
    loop.set_debug(True)
    assert refusal(schedule, print) is None


# Order.


# Since then a threadsafe handle's cancel() and cancelled() wait while its callback runs in another thread.
WAITS = sys.version_info >= (3, 14)


@pytest.mark.parametrize("method", ["cancel", "cancelled"])
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_other_threads_wait_for_a_callback_that_runs(loop, method, debug, fails):
    begun, seen = threading.Event(), []
    loop.set_debug(debug)
    loop.set_exception_handler(lambda loop, context: None)

    def callback():
        begun.set()
        # Others run meanwhile, and it is they who are to wait.
        time.sleep(0.05)
        seen.append("callback")
        if fails:
            raise ValueError

    def ask():
        begun.wait()
        getattr(handle, method)()
        seen.append("asked")

    handle = loop.call_soon_threadsafe(callback)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    loop.run_until_complete(asyncio.sleep(0))
    for thread in threads:
        thread.join(10)
    assert sorted(seen) == ["asked"] * 4 + ["callback"]
    assert seen.index("callback") == (0 if WAITS else 4)


def test_a_threadsafe_callback_may_cancel_itself(loop):
    seen = []
    handle = loop.call_soon_threadsafe(lambda: seen.append((handle.cancel(), handle.cancelled())))
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == [(None, True)]


def test_a_threadsafe_callback_cancelled_by_another_thread_before_it_runs_is_not_called(loop):
    handle = loop.call_soon_threadsafe(pytest.fail, "called")
    thread = threading.Thread(target=handle.cancel)
    thread.start()
    thread.join()
    loop.run_until_complete(asyncio.sleep(0))
    assert handle.cancelled()


def test_threadsafe_calls_from_threads_all_arrive_in_the_order_of_each(loop):
    seen = []

    def post(number):
        for count in range(5000):
            loop.call_soon_threadsafe(seen.append, (number, count))

    async def main():
        await asyncio.gather(*[asyncio.to_thread(post, number) for number in range(4)])
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    for number in range(4):
        assert [count for who, count in seen if who == number] == list(range(5000))


def test_threadsafe_calls_keep_their_order_with_others(loop):
    seen = []
    loop.call_soon_threadsafe(seen.append, 1)
    loop.call_soon(seen.append, 2)
    loop.call_soon(lambda: (loop.call_soon_threadsafe(seen.append, 3), loop.call_soon(seen.append, 4)))
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert seen == [1, 2, 3, 4]


def test_tasks_are_of_the_class_that_asyncio_has_for_them(loop, run, monkeypatch):
    class Mine(asyncio.Task):
        pass

    async def main():
        for options in ({}, {"name": "mine"}):
            task = loop.create_task(asyncio.sleep(0), **options)
            assert type(task) is Mine
            await task

    monkeypatch.setattr(asyncio.tasks, "Task", Mine)
    run(main())
