"""The event loop policy, where asyncio still has policies. In a Python of its own: it is global."""

import sys

import pytest
from peers import python

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 16), reason="asyncio has no policies any more")


def check(code):
    options = ("-W", "error", "-W", "ignore::DeprecationWarning")
    result = python(f"import asyncio, fastloop\n{code}", *options)
    assert (result.returncode, result.stderr) == (0, "")


def test_install_makes_every_new_loop_ours():
    check("""
fastloop.install()
async def main():
    return type(asyncio.get_running_loop())
assert asyncio.run(main()) is fastloop.EventLoop
loop = asyncio.new_event_loop()
assert type(loop) is fastloop.EventLoop
loop.close()
""")


def test_the_policy_can_be_set():
    check("""
policy = fastloop.EventLoopPolicy()
assert isinstance(policy, asyncio.DefaultEventLoopPolicy)
asyncio.set_event_loop_policy(policy)
assert asyncio.get_event_loop_policy() is policy
loop = policy.new_event_loop()
policy.set_event_loop(loop)
assert policy.get_event_loop() is loop
loop.close()
""")


def test_nothing_is_ours_unless_installed():
    check("""
async def main():
    return type(asyncio.get_running_loop())
assert asyncio.run(main()) is not fastloop.EventLoop
""")


def test_looking_the_policy_up_warns_of_nothing():
    result = python("import fastloop; fastloop.EventLoopPolicy; fastloop.install", "-W", "error")
    assert (result.returncode, result.stderr) == (0, "")
