"""An end that loses nothing: requests are answered, background work is done, and then the program ends.

`python examples/graceful_shutdown.py [address]`, then press Ctrl-C before this answers:

    curl 127.0.0.1:3000/slow

/forever is answered 408 after ten seconds, also when the program is to end; another Ctrl-C drops it.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator

from fastloop_http import Request, Router, State, get, serve
from fastloop_http.middleware import Timeout


class Journal(list[str]):
    """Lines that must not be lost."""


@contextlib.asynccontextmanager
async def journal(app: Router) -> AsyncGenerator[Journal]:
    lines = Journal()
    yield lines
    print("written at the end:", *lines, sep="\n", flush=True)


async def slow(request: Request, journal: State[Journal]) -> str:
    await asyncio.sleep(1)
    request.after(note, journal, request.target)
    return "Done."


async def note(journal: Journal, target: str) -> None:
    await asyncio.sleep(0.1)
    journal.append(f"answered {target}")


async def forever() -> None:
    await asyncio.Event().wait()


def make_app() -> Router:
    return (
        Router()
        .route("/slow", get(slow))
        .route("/forever", get(forever))
        # Without it the end would wait for /forever until shutdown_timeout_s, and then drop it.
        .layer(Timeout(10))
        .with_lifespan(journal)
    )


if __name__ == "__main__":
    serve(make_app(), *(sys.argv[1:] or ["127.0.0.1:3000"]), shutdown_timeout_s=15)
    print("ended", flush=True)
