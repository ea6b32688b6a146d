"""A task that ran in place: free for the next run, or finished for those who still hold it."""

import asyncio
import contextlib
import gc
import sys
import weakref

import pytest
from in_place import in_place, run

from fastloop._core.runner import InPlaceRunner


def test_task_is_the_same_from_run_to_run_and_nothing_stays():
    async def first():
        task = asyncio.current_task()
        task.set_name("mine")
        task._log_destroy_pending = False
        return id(task)

    async def second():
        task = asyncio.current_task()
        assert task.get_name().startswith("Task-")
        assert task._log_destroy_pending
        assert task.cancelling() == 0
        assert task._result is task._exception is task._callbacks is None
        return id(task)

    async def check(runner, loop):
        identities = [(await run(runner, handler))[0] for handler in (first, second, second)]
        assert len(set(identities)) == 1
        assert (runner.recycled, runner.let_go) == (3, 0)

    in_place(check)


def test_name_is_new_in_each_run():
    def handler():
        task = asyncio.current_task()
        assert task.get_name() == task.get_name()
        return task.get_name()

    async def check(runner, loop):
        assert (await run(runner, handler))[0] != (await run(runner, handler))[0]

    in_place(check)


def test_task_kept_by_somebody_is_finished_properly():
    kept = []

    async def handler(value):
        kept.append(asyncio.current_task())
        return value

    async def check(runner, loop):
        await run(runner, handler, "first")
        await run(runner, handler, "second")
        assert runner.let_go == 2
        assert kept[0] is not kept[1]
        assert [task.result() for task in kept] == ["first", "second"]
        assert await kept[0] == "first"
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert "finished" in repr(kept[0])

    in_place(check)


def test_kept_task_has_the_exception_and_does_not_complain():
    kept = []

    async def handler():
        kept.append(asyncio.current_task())
        raise ValueError("reason")

    async def check(runner, loop):
        complaints = []
        loop.set_exception_handler(lambda loop, context: complaints.append(context))
        with pytest.raises(ValueError, match="reason"):
            await run(runner, handler)
        assert isinstance(kept.pop().exception(), ValueError)
        gc.collect()
        assert complaints == []

    in_place(check)


def test_done_callback_is_called_and_task_let_go():
    called = []

    def handler():
        asyncio.current_task().add_done_callback(lambda task: called.append(task.result()))
        return "value"

    async def check(runner, loop):
        await run(runner, handler)
        await asyncio.sleep(0)
        assert called == ["value"]
        assert runner.let_go == 1

    in_place(check)


def test_weakly_referenced_task_is_not_recycled():
    references = []

    def handler():
        references.append(weakref.ref(asyncio.current_task()))

    async def check(runner, loop):
        await run(runner, handler)
        await run(runner, handler)
        assert (runner.recycled, runner.let_go) == (0, 2)
        assert [reference() for reference in references] == [None, None]
        await run(runner, lambda: weakref.ref(asyncio.current_task())() is None)
        assert runner.recycled == 1

    in_place(check)


def test_task_with_attributes_is_not_recycled():
    def handler():
        asyncio.current_task().note = "mine"

    async def check(runner, loop):
        await run(runner, handler)
        assert runner.let_go == 1
        assert not (await run(runner, lambda: hasattr(asyncio.current_task(), "note")))[0]

    in_place(check)


def test_on_done_is_called_once_and_only_after_suspension():
    ended = []

    async def handler(suspend):
        if suspend:
            await asyncio.sleep(0)
        return "value"

    async def check(_, loop):
        # The task is not current any more: the owner may run the next one from there.
        def on_done(task):
            ended.append((task.result(), asyncio.current_task()))

        runner = InPlaceRunner(loop, on_done=on_done)
        await run(runner, handler, False)
        assert ended == []
        await run(runner, handler, True)
        assert ended == [("value", None)]

    in_place(check)


def test_task_that_suspended_is_free_again_when_nobody_holds_it():
    identities = []

    async def handler(kept):
        task = asyncio.current_task()
        identities.append(id(task))
        assert not task._must_cancel
        assert task.cancelling() == 0
        await asyncio.sleep(0)
        task.cancel()
        if kept is not None:
            kept.append(task)

    async def check(runner, loop):
        for kept in (None, None, [], None):
            loop.call_soon(runner.run, handler, kept)
            for _ in range(4):
                await asyncio.sleep(0)
        assert len(set(identities)) == 2

    in_place(check)


def test_exception_nobody_has_retrieved_is_reported_not_reused():
    complaints = []

    async def handler():
        await asyncio.sleep(0)
        raise ValueError("unseen")

    async def check(runner, loop):
        loop.set_exception_handler(lambda loop, context: complaints.append(context["exception"]))
        for _ in range(2):
            loop.call_soon(runner.run, handler)
            for _ in range(4):
                await asyncio.sleep(0)
        assert [str(error) for error in complaints] == ["unseen"]
        complaints.clear()
        loop.call_soon(runner.run, int)
        await asyncio.sleep(0)
        assert len(complaints) == 1

    in_place(check)


def test_next_run_can_start_in_on_done():
    values = []

    async def handler(value):
        await asyncio.sleep(0)
        return value

    async def check(_, loop):
        runner = InPlaceRunner(loop, on_done=lambda task: values.append(runner.run(lambda: task.result())))
        await run(runner, handler, "value")
        assert values == ["value"]

    in_place(check)


# Leaks.


@pytest.mark.parametrize("mode", ["value", "raise", "suspend", "cancel", "keep"])
def test_a_thousand_runs_leave_nothing_behind(mode):
    argument = object()
    kept = []

    async def handler(argument):
        if mode == "keep":
            kept[:] = [asyncio.current_task()]
        if mode == "cancel":
            asyncio.current_task().cancel()
        if mode == "suspend":
            await asyncio.sleep(0)
        if mode == "raise":
            raise ValueError(argument)
        return argument

    async def check(runner, loop):
        async def repeat(times):
            def start():
                with contextlib.suppress(ValueError, asyncio.CancelledError):
                    runner.run(handler, argument)

            for _ in range(times):
                loop.call_soon(start)
            for _ in range(5):
                await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == 1
            kept.clear()

        await repeat(100)
        # No cycle may need the collector.
        gc.collect()
        gc.disable()
        try:
            objects, references = len(gc.get_objects()), sys.getrefcount(argument)
            nothing = sys.getrefcount(None)
            await repeat(1000)
            assert abs(len(gc.get_objects()) - objects) < 50
            assert sys.getrefcount(argument) == references
            assert abs(sys.getrefcount(None) - nothing) < 50
        finally:
            gc.enable()

    in_place(check)


def test_pending_task_that_goes_away_says_so():
    complaints = []

    async def handler():
        await asyncio.get_running_loop().create_future()

    async def check(runner, loop):
        loop.set_exception_handler(lambda loop, context: complaints.append(context["message"]))
        loop.call_soon(runner.run, handler)
        await asyncio.sleep(0.001)
        gc.collect()
        assert complaints == ["Task was destroyed but it is pending!"]

    in_place(check)
