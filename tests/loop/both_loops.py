"""What a piece of bad use comes to, on asyncio's loop and on ours: the tables of the tests are run by it."""

import asyncio
import contextlib
import gc
import inspect
import re
import sys
import warnings

import pytest

import fastloop

# Seconds for one row; none waits for anything.
LIMIT = 20


def dispose(result):
    """Close or cancel what a use has returned, and return what two loops' results can be compared by."""
    if isinstance(result, tuple) and result and isinstance(result[0], asyncio.BaseTransport):
        getattr(result[0], "abort", result[0].close)()
        return "a connection"
    if isinstance(result, asyncio.AbstractServer):
        result.close()
        return "a server"
    if isinstance(result, asyncio.Handle):
        result.cancel()
        return "a handle"
    if isinstance(result, asyncio.Future):
        result.cancel()
        return "a future"
    return result


def words(exc):
    """Return what exc says, without what differs from one run, or one class, to another."""
    said = re.sub(r"\b\w+\.(?=\w+\(\) )", "", str(exc))
    said = re.sub(r"0x[0-9a-f]+", "0x", said)
    said = re.sub(r"fd=\d+|laddr=[^>]*", "", said)
    # From Python 3.14 on.
    said = said.replace("a bytes, bytearray, or memoryview object", "a bytes-like object")
    return re.sub(r"_UnixSelectorEventLoop|EventLoop", "Loop", said)


@contextlib.contextmanager
def quiet():
    """Let nobody hear of what is left open: asyncio leaves things open when it refuses others."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
            gc.collect()
    finally:
        sys.unraisablehook = hook


def outcome(make_loop, use, *, running=True, debug=False):
    """Return (type of the exception, its words), or ("returned", what), of use(loop).

    running: call it from a coroutine on the loop, and await what it returns.
    """
    loop = make_loop()
    loop.set_debug(debug)
    loop.set_exception_handler(lambda *_: None)

    async def inside():
        async with asyncio.timeout(LIMIT):
            result = use(loop)
            result = dispose(await result if inspect.isawaitable(result) else result)
            # What was closed tells its protocol.
            await asyncio.sleep(0.001)
            return result

    try:
        result = "returned", loop.run_until_complete(inside()) if running else dispose(use(loop))
    except BaseException as exc:
        result = type(exc).__name__, words(exc)
    if not loop.is_closed():
        loop.set_task_factory(None)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    return result


def both(use, **options):
    """Return the outcomes of use on asyncio's loop and on ours."""
    with quiet():
        return outcome(asyncio.SelectorEventLoop, use, **options), outcome(fastloop.EventLoop, use, **options)


def rows(table):
    """Return a table of uses by their names as pytest parameters."""
    return [pytest.param(use, id=name) for name, use in table.items()]
