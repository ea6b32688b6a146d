"""Handles: what call_soon returns and how it calls."""

import asyncio
import contextvars
import gc
import weakref

import pytest

VAR = contextvars.ContextVar("VAR", default="unset")


def turn(loop):
    """Run what is ready now."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_callbacks_run_in_the_order_they_were_scheduled(loop):
    seen = []
    for number in range(1000):
        loop.call_soon(seen.append, number)
    turn(loop)
    assert seen == list(range(1000))


@pytest.mark.parametrize("count", range(7))
def test_a_callback_gets_its_arguments(loop, count):
    seen = []
    loop.call_soon(lambda *args: seen.append(args), *range(count))
    turn(loop)
    assert seen == [tuple(range(count))]


@pytest.mark.parametrize("count", range(7))
def test_builtins_and_bound_methods_get_their_arguments(loop, count):
    class Sink:
        def method(self, *args):
            seen.append(args)

    seen = []
    loop.call_soon(Sink().method, *range(count))
    loop.call_soon(print, *[""] * count)
    turn(loop)
    assert seen == [tuple(range(count))]


def test_what_a_callback_schedules_runs_in_the_next_turn(loop):
    seen = []

    def first():
        seen.append("first")
        loop.call_soon(seen.append, "third")

    loop.call_soon(first)
    loop.call_soon(seen.append, "second")
    turn(loop)
    assert seen == ["first", "second"]
    turn(loop)
    assert seen == ["first", "second", "third"]


def test_a_queue_that_grows_while_it_is_run_keeps_its_order(loop):
    seen = []

    def spread(depth, label):
        seen.append(label)
        if depth:
            for branch in range(4):
                loop.call_soon(spread, depth - 1, (*label, branch))

    loop.call_soon(spread, 5, ())
    for _ in range(8):
        turn(loop)
    assert len(seen) == sum(4**depth for depth in range(6))
    assert seen == sorted(seen, key=lambda label: (len(label), label))


def test_a_handle_is_an_asyncio_handle(loop):
    handle = loop.call_soon(print)
    assert isinstance(handle, asyncio.Handle)
    assert not isinstance(handle, asyncio.TimerHandle)
    handle.cancel()


def test_a_cancelled_callback_never_runs(loop):
    seen = []
    handle = loop.call_soon(seen.append, 1)
    assert not handle.cancelled()
    handle.cancel()
    handle.cancel()
    assert handle.cancelled()
    turn(loop)
    assert seen == []


def test_a_callback_can_cancel_one_of_the_same_turn(loop):
    seen = []
    loop.call_soon(lambda: handle.cancel())
    handle = loop.call_soon(seen.append, 1)
    turn(loop)
    assert seen == []


def test_a_callback_may_cancel_itself_and_fail(loop):
    def fail(*args):
        handle.cancel()
        raise ValueError("mine")

    for method in (lambda *a: loop.call_soon(*a), lambda *a: loop.call_later(0, *a)):
        loop.reports.clear()
        handle = method(fail, 1, 2, 3, 4)
        loop.run_until_complete(asyncio.sleep(0.01))
        assert [str(report["exception"]) for report in loop.reports] == ["mine"]


def test_cancelling_lets_go_of_callback_and_arguments(loop):
    class Thing:
        pass

    things = [Thing() for _ in range(6)]
    gone = [weakref.ref(thing) for thing in things]
    handle = loop.call_soon(lambda *_: None, *things)
    del things
    handle.cancel()
    assert [ref() for ref in gone] == [None] * 6


def test_a_callback_that_has_run_lets_go_of_its_arguments(loop):
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    loop.call_soon(lambda _: None, thing)
    del thing
    turn(loop)
    assert gone() is None


def test_a_kept_handle_is_not_used_again(loop):
    seen = []
    kept = [loop.call_soon(seen.append, number) for number in range(10)]
    turn(loop)
    later = [loop.call_soon(seen.append, number) for number in range(10, 20)]
    assert not {id(handle) for handle in kept} & {id(handle) for handle in later}
    for handle in kept:
        handle.cancel()
    turn(loop)
    assert seen == list(range(20))


def test_a_handle_taken_from_the_pool_is_fresh(loop):
    for _ in range(600):
        loop.call_soon(lambda *_: None, 1, 2, 3, 4, 5)
    turn(loop)
    seen = []
    handles = [loop.call_soon(lambda *args: seen.append(args)) for _ in range(600)]
    assert not any(handle.cancelled() for handle in handles)
    del handles
    turn(loop)
    assert seen == [()] * 600


def test_a_handle_held_by_a_weak_reference_is_not_used_again(loop):
    gone = weakref.ref(loop.call_soon(int))
    turn(loop)
    loop.call_soon(int)
    assert gone() is None
    turn(loop)


def test_repr_names_the_callback_until_it_is_cancelled(loop):
    handle = loop.call_soon(turn, "argument")
    # Since 3.13 asyncio shows arguments in debug mode only.
    assert "turn(" in repr(handle)
    assert __file__ in repr(handle)
    handle.cancel()
    assert repr(handle) == "<Handle cancelled>"


def test_a_callback_runs_in_a_copy_of_the_context_it_was_scheduled_in(loop):
    seen = []

    def callback():
        seen.append(VAR.get())
        VAR.set("callback")

    token = VAR.set("scheduler")
    loop.call_soon(callback)
    loop.call_soon(callback)
    VAR.reset(token)
    turn(loop)
    assert seen == ["scheduler", "scheduler"]
    assert VAR.get() == "unset"


def test_a_given_context_is_used_and_kept(loop):
    context = contextvars.copy_context()
    handle = loop.call_soon(VAR.set, "inside", context=context)
    assert handle.get_context() is context
    turn(loop)
    assert context[VAR] == "inside"
    assert VAR.get() == "unset"


def test_no_context_is_as_none_given(loop):
    handle = loop.call_soon(int, context=None)
    assert isinstance(handle.get_context(), contextvars.Context)
    turn(loop)


def test_a_context_that_is_in_use_is_reported(loop):
    context = contextvars.copy_context()
    seen = []
    loop.call_soon(seen.append, 1, context=context)
    loop.call_soon(seen.append, 2)
    context.run(turn, loop)
    assert [type(report["exception"]) for report in loop.reports] == [RuntimeError]
    assert seen == [2]


def test_an_exception_is_reported_and_the_loop_goes_on(loop):
    seen = []
    handle = loop.call_soon(lambda: 1 / 0)
    loop.call_soon(seen.append, "next")
    turn(loop)
    (report,) = loop.reports
    assert isinstance(report["exception"], ZeroDivisionError)
    assert report["handle"] is handle
    assert report["message"].startswith("Exception in callback test_an_exception")
    assert seen == ["next"]


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit, StopIteration])
def test_other_exceptions_are_reported_too(loop, kind):
    def fail():
        raise kind

    loop.call_soon(fail)
    turn(loop)
    assert [type(report["exception"]) for report in loop.reports] == [kind]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_comes_out_of_run_forever_and_the_loop_can_go_on(loop, kind):
    def fail():
        raise kind("out")

    seen = []
    loop.call_soon(seen.append, 1)
    loop.call_soon(fail)
    loop.call_soon(seen.append, 2)
    with pytest.raises(kind, match="out"):
        loop.run_forever()
    assert not loop.is_running()
    assert asyncio._get_running_loop() is None
    turn(loop)
    assert seen == [1, 2]


def test_handles_are_collected_with_their_cycles(loop):
    class Thing:
        pass

    thing = Thing()
    thing.handle = loop.call_soon(lambda _: None, thing)
    gone = weakref.ref(thing)
    del thing
    turn(loop)
    gc.collect()
    assert gone() is None
