"""Our task against the task, future and structured concurrency tests of the running interpreter.

Built as asyncio builds them for its own classes (CTask_CFuture_Tests and the like).
"""

import asyncio
import sys

import pytest
import stdlib_case

from fastloop._core.future import Future
from fastloop._core.task import Task

tasks = stdlib_case.load("test.test_asyncio.test_tasks")
futures = stdlib_case.load("test.test_asyncio.test_futures")
taskgroups = stdlib_case.load("test.test_asyncio.test_taskgroups")
timeouts = stdlib_case.load("test.test_asyncio.test_timeouts")
waitfor = stdlib_case.load("test.test_asyncio.test_waitfor")
utils = stdlib_case.load("test.test_asyncio.utils")

# "Class.test": why it must fail.
KNOWN_FAILURES: dict[str, str] = {}

if sys.version_info < (3, 12, 2):
    KNOWN_FAILURES["FutureTests.test_exception"] = (
        "set_exception(StopIteration) stores a RuntimeError, as asyncio does since 3.12.2; it refused")
if sys.version_info < (3, 15):
    KNOWN_FAILURES["FutureCallbackTests.test_use_after_free_on_fut_context_0_with_evil__getattribute__"] = (
        "calls __init__() on a live future, which ours refuses, as asyncio does since 3.15")


class TaskTests(tasks.BaseTaskTests, utils.TestCase):
    Task = Task
    Future = asyncio.Future
    all_tasks = staticmethod(asyncio.all_tasks)
    current_task = staticmethod(asyncio.current_task)


@tasks.add_subclass_tests
class TaskSubclassTests(tasks.BaseTaskTests, utils.TestCase):
    Task = Task
    Future = asyncio.Future
    all_tasks = staticmethod(asyncio.all_tasks)
    current_task = staticmethod(asyncio.current_task)


class TaskWithPythonFutureTests(TaskTests):
    Future = asyncio.futures._PyFuture


class TaskWithOurFutureTests(tasks.SetMethodsTest, TaskTests):
    Future = Future


class FutureTests(futures.BaseFutureTests, utils.TestCase):
    cls = Future


class FutureCallbackTests(futures.BaseFutureDoneCallbackTests, utils.TestCase):
    def _new_future(self):
        return Future(loop=self.loop)


class CurrentLoopTests(tasks.BaseCurrentLoopTests, utils.TestCase):
    current_task = staticmethod(asyncio.current_task)

    def new_task(self, coro):
        return Task(coro, loop=self.loop)


class WithOurTasks:
    """Make every task of the test one of ours, the one that runs the test itself included."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coro, **options: Task(coro, loop=loop, **options))


class TaskGroupTests(WithOurTasks, taskgroups.TestTaskGroup):
    pass


class TimeoutTests(WithOurTasks, timeouts.TimeoutTests):
    pass


class WaitForTests(WithOurTasks, waitfor.AsyncioWaitForTest):
    pass


CLASSES = [TaskTests, TaskSubclassTests, TaskWithPythonFutureTests, TaskWithOurFutureTests, FutureTests,
           FutureCallbackTests, CurrentLoopTests, TaskGroupTests, TimeoutTests, WaitForTests]

if sys.version_info >= (3, 12):
    eager = stdlib_case.load("test.test_asyncio.test_eager_task_factory")

    class EagerFactoryTests(eager.EagerTaskFactoryLoopTests, utils.TestCase):
        Task = Task

    class EagerCountingTests(eager.BaseEagerTaskFactoryTests, utils.TestCase):
        Task = Task

    class LazyCountingTests(eager.BaseNonEagerTaskFactoryTests, utils.TestCase):
        Task = Task

    class WaitForShieldTests(WithOurTasks, waitfor.WaitForShieldTests):
        pass

    CLASSES += [EagerFactoryTests, EagerCountingTests, LazyCountingTests, WaitForShieldTests]

for cls in CLASSES:
    # Run by test_stdlib, not collected as they are.
    cls.__test__ = False


@pytest.mark.parametrize(("cls", "name"), stdlib_case.cases(*CLASSES))
@pytest.mark.filterwarnings("ignore")
def test_stdlib(cls, name):
    stdlib_case.run(cls, name, KNOWN_FAILURES)
