"""What the server is put under."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.strain import idle, leak, sigterm, slow
from bench.strain.clients import Plan
from bench.strain.figures import Outcome


@dataclass(frozen=True)
class Case:
    """One strain."""

    name: str
    title: str
    run: Callable[[Plan], Outcome]


CASES = {
    case.name: case
    for case in (
        Case("idle", f"{idle.CONNECTIONS:,} connections that wait for another request", idle.run),
        Case("slow", f"{slow.CONNECTIONS:,} slow and silent clients beside a steady one", slow.run),
        Case("sigterm", f"SIGTERM under full load, {sigterm.REPEATS} times", sigterm.run),
        Case("leak", f"{leak.REQUESTS:,} requests, failures among them", leak.run),
    )
}
