"""Which tests of the interpreter's suite are run on our loop.

Left out are those of abstract classes, and those of how asyncio's own loop is made: they run none of ours.
"""

import importlib.util
import unittest

import loop_mixins
import stdlib_case

# Modules whose tests use asyncio's own choice of loop, and the classes, where not all of them do.
MODULES = {
    "test.test_asyncgen": ["AsyncGenAsyncioTest"],
    "test.test_asyncio.test_base_events": ["RunningLoopTests"],
    "test.test_asyncio.test_context": None,
    "test.test_asyncio.test_eager_task_factory": None,
    "test.test_asyncio.test_events": [
        "TestPyGetEventLoop", "TestCGetEventLoop", "RunningLoopTests", "UnixPipeObjectSupportTests"],
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
    "test.test_asyncio.test_unix_events": ["SelectorEventLoopUnixSocketTests", "TestFork", "TestFunctional"],
    "test.test_asyncio.test_waitfor": None,
}


def classes(module):
    """List the test classes that a module defines itself."""
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    return [cls for cls in own if isinstance(cls, type) and issubclass(cls, unittest.TestCase)]


def selected():
    """List the test classes: ours, and those of the modules that this interpreter has."""
    chosen = classes(loop_mixins)
    for name, wanted in MODULES.items():
        if importlib.util.find_spec(name):
            found = classes(stdlib_case.load(name))
            chosen += [cls for cls in found if wanted is None or cls.__name__ in wanted]
    return chosen


def cases():
    """List the tests as (module, class, test)."""
    return [(cls.__module__, cls.__name__, test) for cls in selected() for test in stdlib_case.names(cls)]
