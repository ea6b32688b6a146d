"""How the tests of tasks run calls in place: from callbacks of a loop, outside any task."""

import asyncio

from fastloop._core.runner import InPlaceRunner


def in_place(check):
    """Run check(runner, loop), a coroutine function, in a loop of its own; return its value.

    It awaits run(runner, ...) for each run in place.
    """
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(check(InPlaceRunner(loop), loop))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def run(runner, call, *arguments):
    """Run in place; wait for a task that suspends; give (value, task or None).

    From a callback of the loop: it stands where a connection stands, outside any task.
    """
    begun = asyncio.get_running_loop().create_future()

    def start():
        try:
            begun.set_result(runner.run(call, *arguments))
        except BaseException as error:
            begun.set_exception(error)

    asyncio.get_running_loop().call_soon(start)
    value = await begun
    if isinstance(value, asyncio.Task):
        return await value, value
    return value, None


def outcome(call, *arguments):
    """The value of one run in place of call on a loop of its own."""

    async def check(runner, loop):
        return (await run(runner, call, *arguments))[0]

    return in_place(check)
