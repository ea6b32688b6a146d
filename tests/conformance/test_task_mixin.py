"""Our task against the task tests of the running interpreter, as asyncio's own tasks take them."""

import asyncio
import sys

import pytest
import stdlib_case

from fastloop._core.future import Future
from fastloop._core.task import Task

test_tasks = stdlib_case.load("test.test_asyncio.test_tasks")
test_futures = stdlib_case.load("test.test_asyncio.test_futures")
test_utils = stdlib_case.load("test.test_asyncio.utils")

# "Class.test": why it must fail.
KNOWN_FAILURES: dict[str, str] = {}


class TaskTests(test_tasks.BaseTaskTests, test_utils.TestCase):
    Task = Task
    Future = asyncio.Future


@test_tasks.add_subclass_tests
class TaskSubclassTests(test_tasks.BaseTaskTests, test_utils.TestCase):
    Task = Task
    Future = asyncio.Future


class TaskWithPythonFutureTests(test_tasks.BaseTaskTests, test_utils.TestCase):
    Task = Task
    Future = asyncio.futures._PyFuture


class TaskWithOurFutureTests(test_tasks.BaseTaskTests, test_tasks.SetMethodsTest, test_utils.TestCase):
    Task = Task
    Future = Future


class FutureTests(test_futures.BaseFutureTests, test_utils.TestCase):
    cls = Future


class FutureCallbackTests(test_futures.BaseFutureDoneCallbackTests, test_utils.TestCase):
    def _new_future(self):
        return Future(loop=self.loop)


class CurrentLoopTests(test_tasks.BaseCurrentLoopTests, test_utils.TestCase):
    current_task = staticmethod(asyncio.current_task)

    def new_task(self, coro):
        return Task(coro, loop=self.loop)


CLASSES = [TaskTests, TaskSubclassTests, TaskWithPythonFutureTests, TaskWithOurFutureTests, FutureTests,
           FutureCallbackTests, CurrentLoopTests]

if sys.version_info >= (3, 12):
    test_eager = stdlib_case.load("test.test_asyncio.test_eager_task_factory")

    class EagerFactoryTests(test_eager.EagerTaskFactoryLoopTests, test_utils.TestCase):
        Task = Task

    CLASSES.append(EagerFactoryTests)


for cls in CLASSES:
    # Run by test_stdlib below, not collected as they are.
    cls.__test__ = False


@pytest.mark.parametrize(("cls", "name"), stdlib_case.cases(*CLASSES))
@pytest.mark.filterwarnings("ignore")
def test_stdlib(cls, name):
    stdlib_case.run(cls, name, KNOWN_FAILURES)
