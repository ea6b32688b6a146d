"""Run test classes of the interpreter's own test suite as pytest cases.

Strict in both directions: a test listed as failing must fail, every other one must pass. A test that hangs is
ended by an alarm. Skipped, with the reason, where the interpreter comes without its tests (Debian splits them
off).
"""

import faulthandler
import importlib
import signal
import unittest
import warnings

import pytest

TIMEOUT_S = 30


class Hang(KeyboardInterrupt):
    """The test took too long. Of a kind that asyncio and unittest let through wherever it strikes."""


def load(name):
    """Import a module of the interpreter's test suite, or skip the test module that asks."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        pytest.skip(f"this interpreter has no {name}: {missing}", allow_module_level=True)


def names(cls):
    """List the names of the tests of a unittest class."""
    return [name for name in unittest.TestLoader().getTestCaseNames(cls) if callable(getattr(cls, name))]


def cases(*classes):
    """List the (class, test name) pairs of unittest classes as pytest parameters."""
    return [pytest.param(cls, name, id=f"{cls.__name__}.{name}") for cls in classes for name in names(cls)]


def outcome(cls, name):
    """Run one test with its class's fixtures; return its problems and, if it was skipped, why."""
    result = unittest.TestResult()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unittest.TestSuite([cls(name)]).run(result)
    problems = [text for _, text in (*result.errors, *result.failures)]
    # unittest's own list of expected failures is not ours.
    if result.unexpectedSuccesses:
        problems.append("unexpected success")
    return "\n".join(problems), result.skipped[0][1] if result.skipped else None


def judge(problems, skipped, reason):
    """End the pytest case by what came of the test; reason: why it must fail, None if it must not."""
    if skipped is not None and not problems:
        pytest.skip(skipped)
    if reason is not None:
        if not problems:
            pytest.fail(f"passes by now, take it off the list ({reason})")
        pytest.xfail(reason)
    if problems:
        pytest.fail(problems, pytrace=False)


def run(cls, name, known_failures):
    """Run one test in this process; known_failures: {"Class.test": reason}, ids of tests that must fail."""
    def end(*_):
        raise Hang

    previous = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, TIMEOUT_S, 1)
    # For a hang in C, where no handler of signals runs: ends the whole session, and says where.
    faulthandler.dump_traceback_later(2 * TIMEOUT_S, exit=True)
    try:
        problems, skipped = outcome(cls, name)
    except Hang:
        pytest.fail(f"took longer than {TIMEOUT_S} s")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, previous)
    judge(problems, skipped, known_failures.get(f"{cls.__name__}.{name}"))
