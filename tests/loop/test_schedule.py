"""The methods that schedule a callback: what they take, and what they refuse."""

import asyncio
import contextvars
import inspect
import sys

import pytest
from peers import in_thread

import fastloop

SCHEDULERS = {
    "call_soon": lambda loop: loop.call_soon,
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe,
    "call_later": lambda loop: lambda *args, **kwargs: loop.call_later(0, *args, **kwargs),
    "call_at": lambda loop: lambda *args, **kwargs: loop.call_at(0, *args, **kwargs),
}


@pytest.fixture(params=SCHEDULERS)
def schedule(loop, request):
    """One of the four ways to schedule a callback."""
    return SCHEDULERS[request.param](loop)


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


@pytest.mark.parametrize("callback", [None, 1, "print"])
def test_every_way_refuses_what_cannot_be_called(schedule, callback):
    with pytest.raises(TypeError, match="a callable object was expected"):
        schedule(callback)


def test_every_way_refuses_a_coroutine(schedule):
    coroutine = asyncio.sleep(0)
    with pytest.raises(TypeError, match="coroutines cannot be used"):
        schedule(coroutine)
    coroutine.close()


def test_every_way_refuses_a_closed_loop(loop, schedule):
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        schedule(print)


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
        named.update(callback=lambda *args: done.set_result((args, var.set(1))), context=context)
        order = reversed(named) if reverse else named
        getattr(loop, method)(*args, **{name: named[name] for name in order})
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


# Other arguments.


def test_the_methods_want_a_loop():
    with pytest.raises(TypeError):
        fastloop.EventLoop.call_soon(object(), print)


@pytest.mark.parametrize(
    ("delay", "error"),
    [
        (None, TypeError), ("1", TypeError), (1j, TypeError), (float("nan"), ValueError),
        (10**400, OverflowError),
    ],
)
@pytest.mark.parametrize("method", ["call_later", "call_at"])
def test_what_is_no_time_is_refused(loop, method, delay, error):
    with pytest.raises(error):
        getattr(loop, method)(delay, print)


def test_threadsafe_calls_keep_their_order_with_others(loop):
    seen = []
    loop.call_soon_threadsafe(seen.append, 1)
    loop.call_soon(seen.append, 2)
    loop.call_soon(lambda: (loop.call_soon_threadsafe(seen.append, 3), loop.call_soon(seen.append, 4)))
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert seen == [1, 2, 3, 4]


# Debug mode.


def test_debug_mode_refuses_coroutine_functions(loop, schedule):
    loop.set_debug(True)
    with pytest.raises(TypeError, match="coroutines cannot be used"):
        schedule(asyncio.sleep)


@pytest.mark.parametrize("method", ["call_soon", "call_later", "call_at"])
def test_debug_mode_refuses_calls_from_other_threads(loop, run, method):
    def call():
        args = () if method == "call_soon" else (1,)
        with pytest.raises(RuntimeError, match="Non-thread-safe operation"):
            getattr(loop, method)(*args, print)
        return "checked"

    async def main():
        assert await in_thread(call) == "checked"

    loop.set_debug(True)
    run(main())
