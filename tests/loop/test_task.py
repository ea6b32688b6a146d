"""Tasks that run in place.

What a task is to asyncio otherwise is in tests/conformance, from asyncio's own tests.
"""

import asyncio
import contextvars
import gc
import weakref

import anyio
import anyio.lowlevel
import pytest
from in_place import in_place, outcome, run

from fastloop._core.future import Future
from fastloop._core.runner import InPlaceRunner
from fastloop._core.task import Task

variable = contextvars.ContextVar("variable", default="unset")


# What runs.


def test_plain_function_gives_its_value():
    assert outcome(lambda: "value") == "value"


def test_coroutine_function_gives_its_value():
    async def handler(argument):
        return argument

    assert outcome(handler, "argument") == "argument"


def test_more_than_one_argument_is_refused():
    async def check(runner, loop):
        with pytest.raises(TypeError, match="one argument"):
            await run(runner, print, 1, 2)

    in_place(check)


def test_coroutine_object_of_another_kind_is_driven():
    class Countdown:
        def __init__(self):
            self.left = 2

        def send(self, value):
            self.left -= 1
            if not self.left:
                raise StopIteration("over")

        def throw(self, *error):
            raise error[0]

        def close(self):
            pass

        def __await__(self):
            return self

    assert outcome(Countdown) == "over"


def test_awaitable_that_is_no_coroutine_is_a_value():
    async def check(runner, loop):
        future = loop.create_future()
        value, _ = await run(runner, lambda: [future])
        assert value == [future]
        assert runner.recycled == 1

    in_place(check)


@pytest.mark.parametrize("kind", [ValueError, asyncio.CancelledError, GeneratorExit])
@pytest.mark.parametrize("suspend", [False, True])
def test_exception_of_handler_reaches_the_owner(kind, suspend):
    async def handler():
        if suspend:
            await asyncio.sleep(0)
        raise kind("reason")

    async def check(runner, loop):
        with pytest.raises(kind, match="reason") as caught:
            await run(runner, handler)
        assert handler.__code__ in {entry.frame.code.raw for entry in caught.traceback}

    in_place(check)


def test_exception_of_plain_function_reaches_the_owner():
    async def check(runner, loop):
        with pytest.raises(ZeroDivisionError):
            await run(runner, lambda: 1 / 0)
        assert (await run(runner, lambda: 1))[0] == 1

    in_place(check)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("suspend", [False, True])
def test_interrupt_leaves_the_loop(kind, suspend):
    kept = []
    loop = asyncio.new_event_loop()
    runner = InPlaceRunner(loop)

    async def handler():
        kept.append(asyncio.current_task())
        if suspend:
            await asyncio.sleep(0)
        raise kind

    loop.call_soon(runner.run, handler)
    with pytest.raises(kind):
        loop.run_forever()
    assert kept[0].done()
    assert isinstance(kept[0].exception(), kind)
    assert asyncio.current_task(loop) is None
    loop.close()


def test_run_inside_a_task_is_refused_and_harmless():
    async def check(runner, loop):
        before = asyncio.current_task()
        with pytest.raises(RuntimeError, match="Cannot enter into task"):
            runner.run(lambda: 1)
        assert asyncio.current_task() is before
        with pytest.raises(RuntimeError, match="Cannot enter into task"):
            await run(runner, lambda: runner.run(lambda: 1))
        assert (await run(runner, lambda: "fine"))[0] == "fine"
        assert asyncio.current_task() is before

    in_place(check)


# A task to everyone who asks.


@pytest.mark.parametrize("suspend", [False, True])
def test_current_task_and_all_tasks_see_it(suspend):
    async def handler():
        task = asyncio.current_task()
        assert type(task).__mro__[1] is Task
        assert isinstance(task, asyncio.Task)
        assert asyncio.isfuture(task)
        assert task in asyncio.all_tasks()
        assert not task.done()
        assert task.get_coro() is not None
        if suspend:
            await asyncio.sleep(0.001)
            assert asyncio.current_task() is task
            assert task in asyncio.all_tasks()
        return "seen"

    assert outcome(handler) == "seen"


def test_idle_and_suspended_tasks_in_all_tasks():
    async def check(runner, loop):
        seen = await run(runner, lambda: len(asyncio.all_tasks()))
        assert seen[0] == 2
        assert len(asyncio.all_tasks()) == 1
        release = loop.create_future()

        async def handler():
            await release

        waiting = asyncio.ensure_future(run(runner, handler))
        await asyncio.sleep(0.001)
        late = asyncio.all_tasks() - {waiting, asyncio.current_task()}
        assert [type(task).__mro__[1] for task in late] == [Task]
        assert late.pop()._fut_waiter is release
        release.set_result(None)
        await waiting

    in_place(check)


def test_cancel_all_tasks_ends_it():
    ended = []

    async def handler():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(asyncio.current_task())

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_soon(InPlaceRunner(loop).run, handler)
        await asyncio.sleep(0.001)

    asyncio.run(main())
    assert ended[0].cancelled()


@pytest.mark.parametrize("suspend", [False, True])
def test_context_variables_stay_in_the_run(suspend):
    async def handler():
        before = variable.get()
        variable.set("changed")
        if suspend:
            await asyncio.sleep(0)
        assert asyncio.current_task().get_context()[variable] == "changed"
        return before, variable.get()

    async def check(runner, loop):
        for _ in range(3):
            assert (await run(runner, handler))[0] == ("unset", "changed")
        assert variable.get() == "unset"

    in_place(check)


def test_context_given_to_the_runner_is_copied():
    context = contextvars.copy_context()
    context.run(variable.set, "given")

    def handler():
        seen = variable.get()
        variable.set("changed")
        return seen

    async def check(runner, loop):
        runner = InPlaceRunner(loop, context=context)
        assert (await run(runner, handler))[0] == "given"
        assert (await run(runner, handler))[0] == "given"

    in_place(check)


@pytest.mark.parametrize("suspend", [False, True])
def test_asyncio_timeout(suspend):
    async def handler():
        if suspend:
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
        except TimeoutError:
            return asyncio.current_task().cancelling()

    assert outcome(handler) == 0


@pytest.mark.parametrize("suspend", [False, True])
def test_task_group_cancels_it_and_its_siblings(suspend):
    async def fail():
        raise ValueError("child")

    async def handler():
        if suspend:
            await asyncio.sleep(0)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                sibling = group.create_task(asyncio.sleep(60))
                await asyncio.sleep(60)
        except* ValueError:
            assert sibling.cancelled()
        async with asyncio.TaskGroup() as group:
            child = group.create_task(asyncio.sleep(0, "child"))
        return child.result(), await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2))

    assert outcome(handler) == ("child", [1, 2])


@pytest.mark.parametrize("suspend", [False, True])
def test_anyio_scopes(suspend):
    async def handler():
        if suspend:
            await anyio.lowlevel.checkpoint()
        with anyio.move_on_after(0.001) as scope:
            await anyio.sleep(60)
        assert scope.cancelled_caught
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.sleep(60)
        assert scope.cancelled_caught
        with anyio.move_on_after(0.001) as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 60)
        assert scope.cancelled_caught
        await anyio.to_thread.run_sync(int)
        return asyncio.current_task().cancelling()

    assert outcome(handler) == 0


def test_wait_for_and_shield():
    async def handler():
        inner = asyncio.ensure_future(asyncio.sleep(0.002, "inner"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(inner), 0.0001)
        return await inner

    assert outcome(handler) == "inner"


# Cancellation.


def test_cancel_of_itself_before_its_first_suspension():
    async def handler():
        asyncio.current_task().cancel("reason")
        await asyncio.sleep(0)

    async def check(runner, loop):
        with pytest.raises(asyncio.CancelledError, match="reason"):
            await run(runner, handler)

    in_place(check)


def test_cancel_of_itself_without_suspension_ends_cancelled_and_stays_in_the_run():
    async def handler():
        asyncio.current_task().cancel("reason")
        return "lost"

    async def untouched():
        task = asyncio.current_task()
        await asyncio.sleep(0)
        return task.cancelling(), task._must_cancel, task._cancel_message

    async def check(runner, loop):
        with pytest.raises(asyncio.CancelledError, match="reason"):
            await run(runner, handler)
        assert runner.recycled == 1
        assert (await run(runner, untouched))[0] == (0, False, None)

    in_place(check)


def test_cancel_while_suspended():
    async def handler():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            return error.args

    async def check(runner, loop):
        loop.call_later(0.001, lambda: (asyncio.all_tasks() - {owner}).pop().cancel("reason"))
        owner = asyncio.current_task()
        value, task = await run(runner, handler)
        assert value == ("reason",)
        assert task.cancelling() == 1
        assert task.uncancel() == 0

    in_place(check)


def test_awaited_by_names_the_tasks_that_wait():
    async def check(runner, loop):
        async def wait():
            await inner

        inner = Task(asyncio.sleep(0.001), loop=loop)
        outer = [loop.create_task(wait()), Task(wait(), loop=loop)]
        assert inner._asyncio_awaited_by is None
        await asyncio.sleep(0)
        assert inner._asyncio_awaited_by == frozenset(outer)
        await asyncio.gather(*outer)

    in_place(check)


# Futures of ours, which a task waits for without a callback.


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (lambda future: future.set_result(1), "1"),
        (lambda future: future.set_exception(KeyError("a")), "KeyError('a')"),
        (lambda future: future.set_exception(asyncio.CancelledError("b")), "CancelledError('b')"),
        (lambda future: future.cancel("c"), "CancelledError('c')"),
    ],
)
def test_task_gets_what_a_future_ends_with(end, expected):
    async def main():
        async def wait():
            try:
                return repr(await future)
            except BaseException as error:
                return repr(error)

        future = Future()
        task = Task(wait())
        await asyncio.sleep(0)
        end(future)
        return await task

    assert asyncio.run(main()) == expected


def test_all_who_wait_for_a_future_are_told_in_their_order():
    async def main():
        told = []

        async def wait(name):
            await future
            told.append(name)

        future = Future()
        tasks = [Task(wait("first")), Task(wait("second")), asyncio.create_task(wait("third"))]
        await asyncio.sleep(0)
        future.add_done_callback(lambda future: told.append("callback"))
        assert len(future._callbacks) == 4
        assert future._asyncio_awaited_by == frozenset(tasks)
        future.set_result(None)
        await asyncio.gather(*tasks)
        return told

    assert asyncio.run(main()) == ["first", "second", "third", "callback"]


def test_cancelled_task_cancels_the_future_it_waits_for():
    async def main():
        future = Future()
        task = Task(wait(future))
        await asyncio.sleep(0)
        assert task.cancel("enough")
        assert future.cancelled()
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task

    async def wait(future):
        await future

    asyncio.run(main())


def test_task_that_is_taken_off_a_future_is_not_told():
    async def main():
        async def wait():
            await future

        future = Future()
        task = Task(wait())
        await asyncio.sleep(0)
        assert future.remove_done_callback(task._wakeup) == 1
        future.set_result(None)
        await asyncio.sleep(0)
        assert not task.done()
        asyncio.get_running_loop().call_soon(task._wakeup, future)
        await task

    asyncio.run(main())


def test_future_of_another_loop_is_an_error():
    async def main():
        async def wait():
            await future

        other = asyncio.new_event_loop()
        future = Future(loop=other)
        with pytest.raises(RuntimeError, match="attached to a different loop"):
            await Task(wait())
        other.close()

    asyncio.run(main())


def test_task_that_waits_for_a_future_goes_with_it():
    async def main():
        async def wait(future):
            await future

        future = Future()
        task = weakref.ref(Task(wait(future)))
        await asyncio.sleep(0)
        task()._log_destroy_pending = False
        del future
        gc.collect()
        return task()

    assert asyncio.run(main()) is None
