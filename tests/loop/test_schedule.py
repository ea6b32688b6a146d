"""The methods that schedule a callback: what they take, and what they refuse."""

import asyncio
import contextvars

import pytest
from peers import in_thread

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


def test_every_way_refuses_other_keywords(schedule):
    with pytest.raises(TypeError, match="unexpected keyword argument 'kontext'"):
        schedule(print, kontext=None)
    with pytest.raises(TypeError, match="unexpected keyword argument 'end'"):
        schedule(print, context=None, end="")


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


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("call_soon", ()), ("call_soon_threadsafe", ()), ("call_later", ()), ("call_later", (1,)),
        ("call_at", ()), ("call_at", (1,)),
    ],
)
def test_too_few_arguments_are_refused(loop, method, args):
    with pytest.raises(TypeError, match=f"{method}\\(\\) needs at least"):
        getattr(loop, method)(*args)


def test_the_methods_want_a_loop():
    import fastloop

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
