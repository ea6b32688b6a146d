"""Timers: due in order, never early, cancelled for good."""

import asyncio
import math
import random
import time
import weakref

import pytest
from peers import until


def in_order(moments):
    """Say whether moments are in order as far as the loop tells them apart: by nanoseconds."""
    deadlines = [math.ceil(when * 1e9) for when in moments]
    return deadlines == sorted(deadlines)


def test_timers_run_in_the_order_of_their_deadlines(loop, run):
    seen = []

    async def main():
        base = loop.time() + 0.01
        moments = [base + random.random() * 0.02 for _ in range(1000)]
        for when in moments:
            loop.call_at(when, seen.append, when)
        await asyncio.sleep(0.05)
        assert sorted(seen) == sorted(moments)
        assert in_order(seen)

    run(main())


def test_timers_of_one_deadline_run_in_the_order_they_were_made(loop, run):
    seen = []

    async def main():
        when = loop.time() + 0.01
        for number in range(300):
            loop.call_at(when, seen.append, number)
        await asyncio.sleep(0.03)
        assert seen == list(range(300))

    run(main())


def test_no_timer_is_early(loop, run):
    early = []

    async def main():
        def check(deadline):
            if loop.time() < deadline:
                early.append(deadline)

        for _ in range(2000):
            delay = random.choice([0, 1e-9, 1e-7, random.uniform(0, 0.001), random.uniform(0, 0.3)])
            loop.call_later(delay, check, loop.time() + delay)
        for _ in range(500):
            # Alone in the loop: it is the kernel that ends the sleep.
            before = loop.time()
            delay = random.uniform(0, 0.0005)
            await asyncio.sleep(delay)
            assert loop.time() - before >= delay
        await asyncio.sleep(0.3)

    run(main())
    assert early == []


def test_a_timer_is_an_asyncio_timer_handle(loop):
    timer = loop.call_later(10, print)
    assert isinstance(timer, asyncio.TimerHandle)
    assert isinstance(timer, asyncio.Handle)
    assert loop.time() + 9 < timer.when() <= loop.time() + 10
    timer.cancel()


def test_timers_compare_by_time(loop):
    soon, late = loop.call_at(1e9, int), loop.call_at(2e9, int)
    assert soon < late
    assert soon <= late
    assert late > soon
    assert late >= soon
    assert soon != late
    assert soon == soon
    assert len({soon, late}) == 2
    with pytest.raises(TypeError):
        assert soon < 3


def test_a_cancelled_timer_never_fires(loop, run):
    seen = []

    async def main():
        timer = loop.call_later(0.001, seen.append, 1)
        timer.cancel()
        timer.cancel()
        assert timer.cancelled()
        await asyncio.sleep(0.01)

    run(main())
    assert seen == []


def test_a_timer_that_is_due_can_still_be_cancelled(loop, run):
    seen = []

    async def main():
        when = loop.time()
        loop.call_at(when, lambda: second.cancel())
        second = loop.call_at(when, seen.append, 1)
        await asyncio.sleep(0.01)

    run(main())
    assert seen == []


def test_cancelling_a_timer_that_has_fired_changes_nothing(loop, run):
    async def main():
        timers = [loop.call_later(0, int) for _ in range(200)]
        kept = loop.call_later(0.02, done.set_result, None)
        await asyncio.sleep(0.01)
        for timer in timers:
            timer.cancel()
        await done
        assert not kept.cancelled()

    done = loop.create_future()
    run(main())


def fire(loop, timer):
    while timer._scheduled:
        loop.run_until_complete(asyncio.sleep(0))


def cancel(loop, timer):
    timer.cancel()
    loop.run_until_complete(asyncio.sleep(0))


def fired_timers(loop):
    """Let a hundred timers fire; return where they were."""
    places = {id(loop.call_later(0, int)) for _ in range(100)}
    fire(loop, loop.call_later(0.001, int))
    return places


def cancelled_timers(loop):
    """Cancel a hundred timers; return where they were."""
    places = set()
    for _ in range(100):
        timer = loop.call_later(0, int)
        places.add(id(timer))
        timer.cancel()
        del timer
    loop.run_until_complete(asyncio.sleep(0))
    return places


@pytest.mark.parametrize("end", [fired_timers, cancelled_timers])
def test_a_timer_that_is_through_is_made_again_as_new(loop, end):
    seen = []
    places = end(loop)
    timers = [loop.call_later(0.001 + number / 1e6, seen.append, number) for number in range(200)]
    # One may have been in its caller's hands when the cancelled ones were swept.
    assert len(places - set(map(id, timers))) <= 1
    assert not any(timer.cancelled() for timer in timers)
    assert sorted(timers, key=lambda timer: timer.when()) == timers
    fire(loop, timers[-1])
    assert seen == list(range(200))


@pytest.mark.parametrize("end", [fire, cancel])
def test_a_timer_that_somebody_holds_is_not_made_again(loop, end):
    kept = loop.call_later(0, int)
    weak = weakref.ref(loop.call_later(0, int))
    end(loop, kept)
    fire(loop, loop.call_later(0.001, int))
    assert weak() is None
    later = [loop.call_later(60, int) for _ in range(10)]
    assert all(kept is not timer for timer in later)
    assert kept.when() < min(timer.when() for timer in later)


def test_a_cancelled_timer_lets_go_of_its_callback(loop):
    class Thing:
        def method(self):
            pass

    thing = Thing()
    gone = weakref.ref(thing)
    timer = loop.call_later(60, thing.method)
    del thing
    timer.cancel()
    assert gone() is None


ORDERS = {
    "in order": lambda number: number,
    "in reverse": lambda number: -number,
    "shuffled": lambda number: hash(str(number)),
    "all at one time": lambda number: 0,
    "in order after a far one": lambda number: number or 10**6,
    "in order, every tenth sooner": lambda number: number if number % 10 else -number,
    "two lengths in turns": lambda number: number + 500 * (number % 2),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("kept", [1, 2, 10, 10**6], ids=lambda kept: f"one in {kept} is kept")
@pytest.mark.parametrize("when_to_cancel", ["at once", "later"])
def test_the_timers_kept_run_in_order_however_they_were_set(loop, run, order, kept, when_to_cancel):
    seen = []

    async def main():
        base = loop.time() + 0.02
        expected, doomed = [], []
        for number in range(1, 2001):
            key = order(number) % 10**6 * 1e-8
            timer = loop.call_at(base + key, seen.append, (key, number))
            if number % kept == 0:
                expected.append((key, number))
            elif when_to_cancel == "at once":
                timer.cancel()
            else:
                doomed.append(timer)
        for timer in doomed:
            timer.cancel()
        last = loop.create_future()
        loop.call_at(base + 0.011, last.set_result, None)
        await last
        # A loop's clock tells nanoseconds apart; keys are ten apart, or equal.
        assert seen == sorted(expected)

    run(main())


def test_a_hundred_thousand_timers_with_nine_in_ten_cancelled(loop, run):
    seen = []

    async def main():
        base = loop.time() + 0.2
        moments = [base + random.random() * 0.1 for _ in range(100_000)]
        timers = [loop.call_at(when, seen.append, when) for when in moments]
        order = list(range(100_000))
        random.shuffle(order)
        for index in order[:90_000]:
            timers[index].cancel()
        await until(lambda: len(seen) == 10_000)
        assert sorted(seen) == sorted(moments[index] for index in order[90_000:])
        assert in_order(seen)

    run(main())


def test_all_timers_cancelled_leave_none(loop, run):
    async def main():
        for timer in [loop.call_later(0.001, pytest.fail, "fired") for _ in range(1000)]:
            timer.cancel()
        await asyncio.sleep(0.01)

    run(main())


def test_a_destructor_may_schedule_while_timers_are_dropped(loop, run):
    class Thing:
        def __call__(self):
            pass

        def __del__(self):
            loop.call_later(0, seen.append, 1)

    seen = []

    async def main():
        for timer in [loop.call_later(60, Thing()) for _ in range(500)]:
            timer.cancel()
        await asyncio.sleep(0.01)
        assert len(seen) == 500

    run(main())


@pytest.mark.parametrize("delay", [0, -0.0, -1, -1e300, float("-inf"), False])
def test_what_is_due_runs_at_once(loop, run, delay):
    async def main():
        done = loop.create_future()
        loop.call_later(delay, done.set_result, True)
        assert await done

    run(main())


@pytest.mark.parametrize("delay", [1e6, 1e12, 1e300, float("inf")])
def test_what_is_far_off_waits(loop, run, delay):
    async def main():
        timer = loop.call_later(delay, pytest.fail, "fired")
        await asyncio.sleep(0.005)
        timer.cancel()

    run(main())


def test_a_timer_takes_arguments_and_context(loop, run):
    seen = []

    async def main():
        for count in range(7):
            loop.call_later(0, lambda *args: seen.append(args), *range(count))
        await asyncio.sleep(0.01)

    run(main())
    assert seen == [tuple(range(count)) for count in range(7)]


def test_the_clock_is_the_monotonic_one(loop):
    before = time.monotonic()
    now = loop.time()
    assert before - 1e-6 <= now <= time.monotonic() + 1e-6
