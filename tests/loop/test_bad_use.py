"""Bad use of a loop itself: what asyncio's loop answers is what ours does, unless a table says otherwise."""

import asyncio
import contextlib
import functools
import signal
import socket
import tempfile
import threading

import pytest
from both_loops import both, outcome, quiet, rows

import fastloop

SCHEDULE = {"call_soon": (), "call_soon_threadsafe": (), "call_later": (0,), "call_at": (0,)}


async def nothing():
    pass


def readable():
    return socket.socketpair()[0]


def closed_socket():
    with socket.socket() as sock:
        return sock


# What nobody can watch, made by calls.
DESCRIPTORS = {
    "a negative": lambda: -1, "a str": lambda: "x", "None": lambda: None, "an object": object,
    "nobody's": lambda: 999, "a closed socket": closed_socket, "a file": tempfile.TemporaryFile,
}


@contextlib.contextmanager
def coroutine():
    """A coroutine that is closed, whoever has taken it."""
    made = nothing()
    try:
        yield made
    finally:
        made.close()


def given_coroutine(call):
    with coroutine() as made:
        return call(made)


def in_thread(call):
    """Return, or raise, what call() does in another thread."""
    results = []

    def work():
        try:
            results.append((call(), None))
        except BaseException as exc:
            results.append((None, exc))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    ((result, exc),) = results
    if exc is not None:
        raise exc
    return result


def on_another_loop(loop, method, *args):
    other = type(loop)()
    try:
        return getattr(other, method)(*args)
    finally:
        other.close()


def future_of_another_loop(loop):
    other = type(loop)()
    try:
        return loop.run_until_complete(other.create_future())
    finally:
        other.close()


def raised_by_callback(loop, kind):
    def fail():
        raise kind

    loop.call_soon(fail)
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    return "went on"


def raised_by_handler(loop, kind):
    def fail(*_):
        raise kind

    loop.set_exception_handler(fail)
    loop.call_exception_handler({"message": "the first"})
    return "went on"


def raised_by_factory(loop):
    def fail(_, made, **options):
        made.close()
        raise LookupError("no task")

    loop.set_task_factory(fail)
    return given_coroutine(loop.create_task)


def run_by_asyncio(loop):
    runner = asyncio.Runner(loop_factory=type(loop))
    try:
        given_coroutine(runner.run)
    finally:
        runner.get_loop().close()


async def executor_after_shutdown(loop):
    await loop.shutdown_default_executor()
    return await loop.run_in_executor(None, int)


def signal_from_thread(loop, method, *args):
    return in_thread(lambda: getattr(loop, method)(signal.SIGUSR1, *args))


def remove_from_thread(loop):
    loop.add_signal_handler(signal.SIGUSR1, int)
    try:
        return signal_from_thread(loop, "remove_signal_handler")
    finally:
        # The loop has forgotten what it could not undo there.
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)


# The same exception, and the same words.

RUNNING = {
    "run_forever twice": lambda loop: loop.run_forever(),
    "run_until_complete twice": lambda loop: loop.run_until_complete(loop.create_future()),
    "run_forever of another": lambda loop: on_another_loop(loop, "run_forever"),
    "run_until_complete of another": lambda loop: on_another_loop(
        loop, "run_until_complete", loop.create_future()),
    "Runner in a loop": run_by_asyncio,
    "run_forever in another thread": lambda loop: in_thread(loop.run_forever),
    "close while running": lambda loop: loop.close(),
    "close in another thread": lambda loop: in_thread(loop.close),
    "an error in a thread": lambda loop: loop.run_in_executor(None, lambda: 1 / 0),
    "executor that is none": lambda loop: loop.run_in_executor(1, int),
    "executor after its shutdown": executor_after_shutdown,
    "gather over loops": lambda loop: asyncio.gather(
        loop.create_future(), on_another_loop(loop, "create_future")),
    "run_coroutine_threadsafe of no coroutine": lambda loop: asyncio.run_coroutine_threadsafe(1, loop),
    "sleep of a str": lambda loop: asyncio.sleep("1"),
    "remove_reader of -1": lambda loop: loop.remove_reader(-1),
    "remove_reader of a str": lambda loop: loop.remove_reader("x"),
    "remove_reader of nobody's": lambda loop: loop.remove_reader(999),
    "remove_writer of a closed socket": lambda loop: loop.remove_writer(closed_socket()),
    "remove_signal_handler of nobody's": lambda loop: loop.remove_signal_handler(signal.SIGUSR1),
    "remove_signal_handler in a thread": remove_from_thread,
    **{f"{method} of {name}": lambda loop, method=method, make=make: getattr(loop, method)(make(), int)
       for method in ("add_reader", "add_writer") for name, make in DESCRIPTORS.items()},
    **{f"signal {number}": lambda loop, number=number: loop.add_signal_handler(number, int)
       for number in ("x", None, 1.5, 0, -1, 999, signal.SIGKILL, signal.SIGSTOP)},
    **{f"no signal {number}": lambda loop, number=number: loop.remove_signal_handler(number)
       for number in ("x", None, 1.5, 0, -1, 999)},
    "signal with a coroutine": lambda loop: given_coroutine(
        functools.partial(loop.add_signal_handler, signal.SIGUSR1)),
    "signal with a coroutine function": lambda loop: loop.add_signal_handler(signal.SIGUSR1, nothing),
    "negative delay": lambda loop: loop.call_later(-1, int),
    "endless delay": lambda loop: loop.call_later(float("inf"), int),
    "no delay": lambda loop: loop.call_later(None, int),
    "no time": lambda loop: loop.call_at(None, int),
}

IDLE = {
    "run an int": lambda loop: loop.run_until_complete(1),
    "run None": lambda loop: loop.run_until_complete(None),
    "run a function": lambda loop: loop.run_until_complete(nothing),
    "run another loop's future": future_of_another_loop,
    "task of an int": lambda loop: loop.create_task(1),
    "task of None": lambda loop: loop.create_task(None),
    "task of a function": lambda loop: loop.create_task(given_coroutine),
    "task factory that is none": lambda loop: loop.set_task_factory(1),
    "task factory that fails": raised_by_factory,
    "exception handler that is none": lambda loop: loop.set_exception_handler(1),
    "report of nothing": lambda loop: loop.default_exception_handler(None),
    **{f"callback raises {kind.__name__}": lambda loop, kind=kind: raised_by_callback(loop, kind)
       for kind in (LookupError, KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit)},
    **{f"handler raises {kind.__name__}": lambda loop, kind=kind: raised_by_handler(loop, kind)
       for kind in (LookupError, KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit)},
}

# In debug mode.
IN_DEBUG = {
    **{f"{method} with {name}":
       lambda loop, method=method, first=first, what=what: getattr(loop, method)(*first, what)
       for method, first in SCHEDULE.items() if method != "call_later"
       for name, what in (("an int", 1), ("None", None), ("a coroutine function", nothing),
                          ("a partial of one", functools.partial(nothing)))},
    **{f"{method} with a coroutine":
       lambda loop, method=method, first=first: given_coroutine(
           functools.partial(getattr(loop, method), *first))
       for method, first in SCHEDULE.items() if method != "call_later"},
    "run_in_executor with a coroutine function": lambda loop: loop.run_in_executor(None, nothing),
    "run_in_executor with None": lambda loop: loop.run_in_executor(None, None),
    **{f"{method} in another thread":
       lambda loop, method=method, first=first: in_thread(lambda: getattr(loop, method)(*first, int))
       for method, first in SCHEDULE.items() if method != "call_soon_threadsafe"},
    "create_task in another thread": lambda loop: in_thread(
        lambda: given_coroutine(loop.create_task)),
}

# The same exception; the words are each loop's own.
OWN_WORDS = {
    "call_later with a str": lambda loop: loop.call_later("x", int),
    "call_soon without": lambda loop: loop.call_soon(),
    "call_later without": lambda loop: loop.call_later(1),
    "call_soon with an unknown keyword": lambda loop: loop.call_soon(int, colour=1),
    "add_reader without": lambda loop: loop.add_reader(0),
    "signal without": lambda loop: loop.add_signal_handler(signal.SIGUSR1),
    "signal in a thread": lambda loop: signal_from_thread(loop, "add_signal_handler", int),
    "default executor that is none": lambda loop: loop.set_default_executor(1),
    "default executor None": lambda loop: loop.set_default_executor(None),
    "create_task with an unknown keyword": lambda loop: given_coroutine(
        functools.partial(loop.create_task, colour=1)),
    "getaddrinfo with an unknown keyword": lambda loop: loop.getaddrinfo("127.0.0.1", 80, colour=1),
    "await another loop's future": lambda loop: asyncio.wait_for(
        on_another_loop(loop, "create_future"), None),
}

# What asyncio takes, and is sorry for later or not at all; ours refuses it at once.
STRICTER = {
    **{f"{method} with {name}":
       (lambda loop, method=method, first=first, what=what: getattr(loop, method)(*first, what), TypeError)
       for method, first in SCHEDULE.items()
       for name, what in (("an int", 1), ("None", None))},
    **{f"{method} with a coroutine":
       (lambda loop, method=method, first=first: given_coroutine(
           functools.partial(getattr(loop, method), *first)), TypeError)
       for method, first in SCHEDULE.items()},
    "add_reader with None": (lambda loop: loop.add_reader(readable(), None), TypeError),
    "context that is none": (lambda loop: loop.call_soon(int, context=1), TypeError),
    # asyncio's would be due at no time, and keep others from being due.
    "time that is no number": (lambda loop: loop.call_at(float("nan"), int), ValueError),
    "delay that is no number": (lambda loop: loop.call_later(float("nan"), int), ValueError),
}


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize("use", rows(RUNNING))
def test_bad_use_while_running_gets_asyncios_answer(use, debug):
    theirs, ours = both(use, debug=debug)
    assert ours == theirs


@pytest.mark.parametrize("use", rows(IDLE))
def test_bad_use_of_an_idle_loop_gets_asyncios_answer(use):
    theirs, ours = both(use, running=False)
    assert ours == theirs


@pytest.mark.parametrize("use", rows(IN_DEBUG))
def test_debug_mode_refuses_what_asyncios_refuses(use):
    theirs, ours = both(use, debug=True)
    assert ours == theirs
    assert ours[0] in ("TypeError", "RuntimeError")


@pytest.mark.parametrize("use", rows(OWN_WORDS))
def test_bad_use_gets_asyncios_kind_of_answer(use):
    theirs, ours = both(use)
    assert ours[0] == theirs[0] != "returned"


@pytest.mark.parametrize(("use", "error"), [pytest.param(*row, id=name) for name, row in STRICTER.items()])
def test_some_bad_use_is_refused_earlier_than_by_asyncios(use, error):
    with quiet():
        assert outcome(fastloop.EventLoop, use)[0] == error.__name__


# Of a closed loop.

CLOSED = {
    "call_soon": lambda loop: loop.call_soon(int),
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe(int),
    "call_later": lambda loop: loop.call_later(1, int),
    "call_at": lambda loop: loop.call_at(1, int),
    "create_future": lambda loop: loop.create_future(),
    "create_task": lambda loop: given_coroutine(loop.create_task),
    "run_forever": lambda loop: loop.run_forever(),
    "run_until_complete": lambda loop: given_coroutine(loop.run_until_complete),
    "stop": lambda loop: loop.stop(),
    "close": lambda loop: loop.close(),
    "is_running": lambda loop: loop.is_running(),
    "is_closed": lambda loop: loop.is_closed(),
    "time": lambda loop: loop.time() > 0,
    "run_in_executor": lambda loop: loop.run_in_executor(None, int),
    "add_reader": lambda loop: loop.add_reader(0, int),
    "add_writer": lambda loop: loop.add_writer(0, int),
    "remove_reader": lambda loop: loop.remove_reader(0),
    "remove_writer": lambda loop: loop.remove_writer(0),
    "add_signal_handler": lambda loop: loop.add_signal_handler(signal.SIGUSR1, int),
    "remove_signal_handler": lambda loop: loop.remove_signal_handler(signal.SIGUSR1),
    "set_task_factory": lambda loop: loop.set_task_factory(None),
    "set_exception_handler": lambda loop: loop.set_exception_handler(None),
    "call_exception_handler": lambda loop: loop.call_exception_handler({"message": "late"}),
    "set_debug": lambda loop: (loop.set_debug(True), loop.get_debug())[1],
    "repr": lambda loop: repr(loop).partition(" ")[2],
    "run_coroutine_threadsafe": lambda loop: given_coroutine(
        lambda made: asyncio.run_coroutine_threadsafe(made, loop)),
}

# Whatever they would make; `sock` is for those that take one over.
CLOSED_COROUTINES = {
    "getaddrinfo": lambda loop, _: loop.getaddrinfo("localhost", 80),
    "getaddrinfo of a literal": lambda loop, _: loop.getaddrinfo("127.0.0.1", 80),
    "getnameinfo": lambda loop, _: loop.getnameinfo(("127.0.0.1", 80)),
    "create_connection": lambda loop, _: loop.create_connection(asyncio.Protocol, "127.0.0.1", 1),
    "create_connection of a socket": lambda loop, sock: loop.create_connection(asyncio.Protocol, sock=sock),
    "create_unix_connection": lambda loop, _: loop.create_unix_connection(asyncio.Protocol, "/nowhere"),
    "create_server": lambda loop, _: loop.create_server(asyncio.Protocol, "127.0.0.1", 0),
    "create_unix_server": lambda loop, _: loop.create_unix_server(asyncio.Protocol, "/nowhere"),
    "create_datagram_endpoint": lambda loop, _: loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, ("127.0.0.1", 0)),
    "connect_accepted_socket": lambda loop, sock: loop.connect_accepted_socket(asyncio.Protocol, sock),
    "connect_read_pipe": lambda loop, sock: loop.connect_read_pipe(asyncio.Protocol, sock),
    "connect_write_pipe": lambda loop, sock: loop.connect_write_pipe(asyncio.Protocol, sock),
    "subprocess_exec": lambda loop, _: loop.subprocess_exec(asyncio.SubprocessProtocol, "true"),
    "subprocess_shell": lambda loop, _: loop.subprocess_shell(asyncio.SubprocessProtocol, "true"),
}


@pytest.mark.parametrize("use", rows(CLOSED))
def test_a_closed_loop_answers_as_asyncios(use):
    def close_and_use(loop):
        loop.close()
        return use(loop)

    theirs, ours = both(close_and_use, running=False)
    assert ours == theirs


@pytest.mark.parametrize("use", rows(CLOSED_COROUTINES))
def test_a_closed_loop_makes_nothing_before_it_refuses(use, monkeypatch):
    loop = fastloop.new_event_loop()
    loop.close()
    ours, peer = socket.socketpair()
    with ours, peer:
        monkeypatch.setattr("socket.socket", pytest.fail)
        monkeypatch.setattr("subprocess.Popen", pytest.fail)
        made = use(loop, ours)
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            made.send(None)
        # It is still the caller's.
        assert ours.fileno() >= 0


# fastloop.run.


def test_run_in_a_running_loop_is_refused(loop, run):
    async def main():
        with coroutine() as made:
            with pytest.raises(RuntimeError, match=r"run\(\) cannot be called from a running event loop"):
                asyncio.run(made)
            with pytest.raises(RuntimeError, match=r"run\(\) cannot be called from a running event loop"):
                fastloop.run(made)

    run(main())


@pytest.mark.parametrize("what", [1, None, nothing])
def test_run_of_what_is_no_coroutine_is_refused(what):
    errors = []
    for run in (asyncio.run, fastloop.run):
        with pytest.raises((TypeError, ValueError)) as caught:
            run(what)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


