"""Every method of asyncio's loop, with every parameter that the running Python's version of it has."""

import asyncio
import inspect
import socket
import sys

import pytest

import fastloop

THEIRS = asyncio.SelectorEventLoop
OURS = fastloop.EventLoop

# Compiled: there is no signature to read. How they take their parameters is tested by calling them.
COMPILED = {
    "add_reader", "add_writer", "get_debug", "is_closed", "is_running", "remove_reader", "remove_writer",
    "stop", "time",
}
# Before 3.12 nothing but a function with code of its own can tell inspect that it is one.
IS_COROUTINE_FUNCTION = (inspect if sys.version_info >= (3, 12) else asyncio).iscoroutinefunction
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def public_methods():
    return [name for name, method in inspect.getmembers(THEIRS, callable) if not name.startswith("_")]


def parameters(method):
    """Return what a caller gives: all but self."""
    return list(inspect.signature(method).parameters.values())[1:]


def fixed(method):
    """Return [(name, kind, default)] of a method, without *args and **options: their names are nobody's."""
    return [(one.name, one.kind, one.default) for one in parameters(method) if one.kind not in VARIADIC]


def variadic(method):
    return [one.kind for one in parameters(method) if one.kind in VARIADIC]


def positional(entries):
    return [entry for entry in entries if entry[1] is inspect.Parameter.POSITIONAL_OR_KEYWORD]


@pytest.mark.parametrize("name", [name for name in public_methods() if name not in COMPILED])
def test_a_method_takes_what_asyncios_takes(name):
    theirs, ours = getattr(THEIRS, name), getattr(OURS, name)
    expected, found = fixed(theirs), fixed(ours)
    assert [entry for entry in expected if entry not in found] == []
    assert positional(found)[: len(positional(expected))] == positional(expected)
    assert set(variadic(theirs)) <= set(variadic(ours))
    # What ours takes beyond that is what a later version has: none has to be given.
    assert [entry for entry in found if entry not in expected and entry[2] is inspect.Parameter.empty] == []
    assert IS_COROUTINE_FUNCTION(ours) == IS_COROUTINE_FUNCTION(theirs)


@pytest.mark.parametrize("name", sorted(COMPILED))
def test_a_compiled_method_has_no_signature_to_read(name):
    with pytest.raises(ValueError, match="no signature found"):
        inspect.signature(getattr(OURS, name))


@pytest.mark.parametrize("which", ["reader", "writer"])
def test_descriptors_are_watched_by_keyword(loop, which):
    ours, peer = socket.socketpair()
    with ours, peer:
        assert getattr(loop, f"add_{which}")(fd=ours, callback=int) is None
        assert getattr(loop, f"remove_{which}")(fd=ours.fileno()) is True


@pytest.mark.parametrize("name", ["slow_callback_duration"])
def test_an_attribute_of_asyncios_loop_is_there(loop, name):
    theirs = THEIRS()
    assert getattr(loop, name) == getattr(theirs, name)
    theirs.close()


def test_a_timer_that_is_asyncios_own_can_be_cancelled(loop):
    timer = asyncio.TimerHandle(loop.time(), int, (), loop)
    timer.cancel()
    assert timer.cancelled()
