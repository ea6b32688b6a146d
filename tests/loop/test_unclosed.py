"""A loop that is dropped unclosed: the garbage collector finds it, and it is told of."""

import asyncio
import gc
import os
import sys
import weakref

import pytest

import fastloop
from fastloop._core.holders import HandlePool, Ring
from fastloop._core.timer import TimerHeap


class Loud(fastloop.EventLoop):
    """A loop of a class that nobody else uses."""


class Mute(fastloop.EventLoop):
    """A loop that does not close itself: all is left to the collector."""

    def __del__(self):
        pass


def suspended(loop):
    async def wait():
        await asyncio.sleep(60)

    loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0))


def timers_cancelled(loop):
    for timer in [loop.call_later(60, loop.stop) for _ in range(50)]:
        timer.cancel()
    loop.call_later(60, loop.stop)


def wrapped_around(loop):
    for _ in range(40):
        loop.call_soon(int)
    loop.run_until_complete(asyncio.sleep(0))
    for _ in range(50):
        loop.call_soon(loop.stop)


def in_debug_mode(loop):
    loop.set_debug(True)
    loop.call_soon(loop.stop)
    loop.call_later(60, loop.stop)
    loop.call_soon_threadsafe(loop.stop)


SCHEDULED = {
    "call_soon": lambda loop: loop.call_soon(loop.stop),
    "call_soon, many": lambda loop: [loop.call_soon(loop.stop) for _ in range(1000)],
    "call_soon, wrapped around": wrapped_around,
    "call_later": lambda loop: loop.call_later(60, loop.stop),
    "call_later, many": lambda loop: [loop.call_later(60, loop.stop) for _ in range(1000)],
    "call_later, cancelled": timers_cancelled,
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe(loop.stop),
    "a task": suspended,
    "a future's callback": lambda loop: loop.create_future().add_done_callback(lambda _: loop),
    "an attribute": lambda loop: setattr(loop, "self", loop),
    "debug mode": in_debug_mode,
}


@pytest.fixture(params=SCHEDULED)
def make(request):
    """make(loop class): a loop with something scheduled that refers to it."""

    def make(kind):
        loop = kind()
        # Quietly: of a task that is dropped we are told.
        loop.set_exception_handler(lambda loop, context: None)
        SCHEDULED[request.param](loop)
        return loop

    yield make
    gc.collect()


def descriptors():
    return set(os.listdir("/proc/self/fd"))


def alive(kind):
    """Count the loops of this very class. Weak references are gone before what they refer to is."""
    return sum(type(item) is kind for item in gc.get_objects())


def drop(loops):
    loops.clear()
    gc.collect()


def test_it_is_collected_and_told_of(make):
    before = descriptors()
    loops = [make(Loud)]
    assert descriptors() > before
    with pytest.warns(ResourceWarning, match="unclosed event loop <Loud") as warned:
        drop(loops)
    assert len(warned) == 1
    assert descriptors() == before
    # The warning knows it, too.
    del warned
    gc.collect()
    assert not alive(Loud)


def test_it_is_collected_without_being_closed(make):
    before = descriptors()
    make(Mute)
    gc.collect()
    assert not alive(Mute)
    assert descriptors() == before


@pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")
@pytest.mark.parametrize("kind", [Loud, Mute])
def test_it_is_collected_with_what_it_watches(kind):
    reading, writing = os.pipe()
    loop = kind()
    loop.add_reader(reading, loop.stop)
    os.write(writing, b"x")
    loop.run_forever()
    loop.call_soon(loop.stop)
    del loop
    gc.collect()
    assert not alive(kind)
    os.close(reading)
    os.close(writing)


def test_it_is_not_collected_while_it_is_held(loop):
    seen = []
    loop.call_soon(seen.append, 1)
    loop.call_soon_threadsafe(seen.append, 2)
    loop.call_later(0, seen.append, 3)
    gc.collect()
    loop.run_until_complete(asyncio.sleep(0.001))
    assert seen == [1, 2, 3]


def test_it_is_not_collected_while_it_runs():
    seen = []

    def collect():
        gc.collect()
        seen.append(asyncio.get_running_loop())

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(20):
            loop.call_soon(collect)
            loop.call_later(0, collect)
            loop.call_soon_threadsafe(collect)
        await asyncio.sleep(0.01)

    fastloop.run(main())
    assert len(seen) == 60


def holders(loop, kind):
    return [part for part in gc.get_referents(loop) if type(part) is kind]


def test_the_collector_sees_what_is_scheduled(loop):
    first = loop.call_soon(int)
    second = loop.call_soon_threadsafe(int)
    third, fourth = loop.call_later(60, int), loop.call_later(30, int)
    ready, inbox = holders(loop, Ring)
    (heap,) = holders(loop, TimerHeap)
    (pool,) = holders(heap, HandlePool)
    # None is what a holder has of Cython's.
    assert {first} == set(gc.get_referents(ready)) - {None, Ring}
    assert {second} == set(gc.get_referents(inbox)) - {None, Ring}
    assert {third, fourth, pool} == set(gc.get_referents(heap)) - {None, TimerHeap}
    assert all(gc.is_tracked(part) for part in (ready, inbox, heap))


def test_the_collector_sees_what_is_kept_for_use_again(loop):
    pool, *_ = holders(loop, HandlePool)
    for _ in range(20):
        loop.call_soon(int)
    loop.run_until_complete(asyncio.sleep(0))
    handles = [item for item in gc.get_referents(pool) if isinstance(item, asyncio.Handle)]
    assert len(handles) >= 20
    assert len(set(map(id, handles))) == len(handles)


def test_the_collector_sees_no_more_than_is_scheduled(loop):
    (ready, _), (heap,) = holders(loop, Ring), holders(loop, TimerHeap)
    for _ in range(100):
        loop.call_soon(int)
        loop.call_later(0, int)
    loop.run_until_complete(asyncio.sleep(0.01))
    assert not [item for item in gc.get_referents(ready, heap) if isinstance(item, asyncio.Handle)]


def test_collecting_holds_no_references(make):
    def callback(loop):
        pass

    def drop():
        loop = make(Mute)
        loop.call_soon(callback, loop)
        loop.call_soon_threadsafe(callback, loop)
        loop.call_later(60, callback, loop)
        for _ in range(3):
            gc.get_referents(*gc.get_referents(loop))

    drop()
    gc.collect()
    before = sys.getrefcount(callback)
    for _ in range(10):
        drop()
    gc.collect()
    assert sys.getrefcount(callback) == before


@pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")
@pytest.mark.parametrize("kind", [Loud, Mute])
def test_a_destructor_may_schedule_while_its_loop_is_collected(kind):
    class Thing:
        def __init__(self, loop):
            self.loop = loop

        def __call__(self):
            pass

        def __del__(self):
            seen.append(1)
            if not self.loop.is_closed():
                self.loop.call_soon(int)
                self.loop.call_soon_threadsafe(int)
                self.loop.call_later(60, int)

    seen = []
    loop = kind()
    for _ in range(100):
        loop.call_soon(Thing(loop))
        loop.call_soon_threadsafe(Thing(loop))
        loop.call_later(60, Thing(loop))
    del loop
    # What it has scheduled may have brought the loop back once.
    gc.collect()
    gc.collect()
    assert len(seen) == 300
    assert not alive(kind)


def test_a_loop_may_be_called_while_it_is_taken_apart():
    """By who hears of it through weak references made in a destructor: those from before are dead by then."""

    class Thing:
        def __call__(self):
            pass

    class Last:
        def __init__(self, loop, thing):
            self.loop, self.thing = loop, thing

        def __del__(self):
            loop = weakref.ref(self.loop)

            def call(_):
                called.append(loop() is not None)
                if called[-1]:
                    loop().call_soon(int)
                    loop().call_soon_threadsafe(int)
                    loop().call_later(60, int)

            references.append(weakref.ref(self.thing, call))

    called, references = [], []
    loop, thing = Mute(), Thing()
    loop.call_soon(thing)
    loop.last = Last(loop, thing)
    del loop, thing
    gc.collect()
    gc.collect()
    assert not alive(Mute)
