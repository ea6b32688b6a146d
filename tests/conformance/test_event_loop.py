"""Our loop against asyncio's own tests: those of event loops, and those of all that asyncio builds on one.

The former take a loop by method (`loop_mixins`), the latter use the one that asyncio makes: it is replaced.
"""

import importlib.util
import unittest

import known_failures
import loop_mixins
import pytest
import stdlib_case
import stdlib_processes

# Modules whose tests use asyncio's own choice of loop, and the classes, where not all of them do.
MODULES = {
    "test.test_asyncgen": ["AsyncGenAsyncioTest"],
    "test.test_asyncio.test_context": None,
    "test.test_asyncio.test_eager_task_factory": None,
    "test.test_asyncio.test_events": ["TestPyGetEventLoop", "TestCGetEventLoop", "RunningLoopTests"],
    "test.test_asyncio.test_free_threading": None,
    "test.test_asyncio.test_futures": None,
    "test.test_asyncio.test_futures2": None,
    "test.test_asyncio.test_graph": None,
    "test.test_asyncio.test_locks": None,
    "test.test_asyncio.test_pep492": None,
    "test.test_asyncio.test_queues": None,
    "test.test_asyncio.test_runners": None,
    "test.test_asyncio.test_server": ["TestServer2", "UnixServerCleanupTests"],
    "test.test_asyncio.test_server_context": None,
    "test.test_asyncio.test_staggered": None,
    "test.test_asyncio.test_streams": None,
    "test.test_asyncio.test_subprocess": None,
    "test.test_asyncio.test_taskgroups": None,
    "test.test_asyncio.test_tasks": None,
    "test.test_asyncio.test_threads": None,
    "test.test_asyncio.test_timeouts": None,
    "test.test_asyncio.test_unix_events": ["TestFork", "TestFunctional"],
    "test.test_asyncio.test_waitfor": None,
}


def classes(module):
    """List the test classes that a module defines itself."""
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    return [cls for cls in own if isinstance(cls, type) and issubclass(cls, unittest.TestCase)]


def parameters():
    """Yield the cases as pytest parameters: ours, and those of the modules that this interpreter has."""
    chosen = classes(loop_mixins)
    for name, wanted in MODULES.items():
        if importlib.util.find_spec(name):
            found = classes(stdlib_case.load(name))
            chosen += [cls for cls in found if wanted is None or cls.__name__ in wanted]
    for cls in chosen:
        short = cls.__module__.rpartition(".")[2]
        for test in stdlib_case.names(cls):
            yield pytest.param((cls.__module__, cls.__name__, test), id=f"{short}.{cls.__name__}.{test}")


@pytest.fixture(scope="session")
def outcomes(request):
    # Those selected, in the order in which they are asked for.
    cases = [item.callspec.params["case"] for item in request.session.items
             if getattr(item, "function", None) is test_stdlib]
    outcomes = stdlib_processes.Outcomes(cases)
    yield outcomes
    outcomes.close()


@pytest.mark.parametrize("case", list(parameters()))
def test_stdlib(case, outcomes, request):
    problems, skipped = outcomes.wait(case)
    stdlib_case.judge(problems, skipped, known_failures.reason(request.node.callspec.id, problems))
