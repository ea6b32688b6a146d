"""The exit status of a child: who takes it, and what is said when somebody else has.

Knows process ids, neither transports nor pipes.
"""

import asyncio
import contextlib
import logging
import os
import subprocess
from collections.abc import Callable

logger = logging.getLogger("asyncio")

# What is reported of a child whose exit status somebody else has taken, as asyncio.
STATUS_TAKEN = 255


def reap(process: "subprocess.Popen[bytes]", options: int) -> int | None:
    """Take the exit status of process, by waitpid(2) with options, and return it; None: not there yet."""
    if process.returncode is None:
        try:
            pid, status = os.waitpid(process.pid, options)
        except ChildProcessError:
            logger.warning(
                "child process pid %d exit status already read: will report returncode %d",
                process.pid, STATUS_TAKEN,
            )
            process.returncode = STATUS_TAKEN
        else:
            if pid == 0:
                return None
            process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode


def has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Say whether process has ended; its exit status stays where it is."""
    if process.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return True


def wait_in_thread(loop: asyncio.AbstractEventLoop, pid: int, ended: Callable[[], object]) -> None:
    """Block until the child ends, and have ended called by loop.

    The exit status is left for the loop's thread: until it is taken the number cannot become another
    process's, which a signal would hit then.
    """
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    try:
        loop.call_soon_threadsafe(ended)
    except RuntimeError:
        logger.warning("Loop %r that handles pid %r is closed", loop, pid)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
