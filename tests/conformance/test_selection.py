"""The tests that are to be run are run: no class of theirs is lost by a name that changes."""

import sys

import loop_mixins
import pytest
import selection
import stdlib_case

# What a loop has to stand up to, whoever made it.
MIXINS = [
    ("test_buffered_proto", "BaseTestBufferedProtocol"),
    ("test_events", "EventLoopTestsMixin"),
    ("test_events", "SubprocessTestsMixin"),
    ("test_sendfile", "SendfileMixin"),
    ("test_sendfile", "SockSendfileMixin"),
    ("test_server", "BaseStartServer"),
    ("test_sock_lowlevel", "BaseSockTestsMixin"),
    ("test_ssl", "TestSSL"),
    ("test_sslproto", "BaseStartTLS"),
]

# The Python that a module of tests came with, where it is not the oldest of ours.
SINCE = {
    "test.test_asyncio.test_eager_task_factory": (3, 12),
    "test.test_asyncio.test_free_threading": (3, 14),
    "test.test_asyncio.test_graph": (3, 14),
    "test.test_asyncio.test_server": (3, 12),
    "test.test_asyncio.test_server_context": (3, 15),
    "test.test_asyncio.test_staggered": (3, 13),
}


@pytest.mark.parametrize(("module", "name"), MIXINS)
def test_every_test_of_a_mixin_is_run_on_our_loop(module, name):
    mixin = getattr(stdlib_case.load(f"test.test_asyncio.{module}"), name)
    chosen = [cls for cls in selection.selected() if issubclass(cls, mixin)]
    run = {test for cls in chosen if issubclass(cls, loop_mixins.OurLoop) for test in stdlib_case.names(cls)}
    expected = set(stdlib_case.names(mixin))
    assert expected
    assert expected - run == set()


@pytest.mark.parametrize("module", selection.MODULES)
def test_every_module_is_run(module):
    since = SINCE.get(module, (3, 11))
    if sys.version_info < since:
        pytest.skip("Python {}.{} has it first".format(*since))
    assert [case for case in selection.cases() if case[0] == module]
