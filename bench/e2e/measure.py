"""Measure one case: all servers up at once on one core, the load on another, every server in every round."""

import contextlib
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.e2e import load
from bench.e2e.addresses import Address, free_ports
from bench.e2e.answers import WrongAnswer, check
from bench.e2e.build import Missing
from bench.e2e.cases import BASE, Case
from bench.e2e.figures import Burst, CaseResult, ServerResult, by_cost, compare
from bench.e2e.peers import PEERS
from bench.e2e.servers import Server, cpu_ns_between, cpu_times, on_core, rss_mb

# After a load ends its connections still close, which is part of their cost; then the server sleeps,
# and only a sleeping thread's schedstat is exact.
SETTLE_SECONDS = 0.02

MAX_WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Plan:
    """How to measure, the same for every case of a run."""

    rounds: int
    seconds: float
    server_core: int
    load_core: int
    rng: random.Random


def measure(case: Case, names: list[str], plan: Plan) -> CaseResult:
    """Measure the named peers, the base among them. All that was started has ended on return."""
    missing: dict[str, str] = {}
    bursts: dict[str, list[Burst]] = {}
    errors: dict[str, list[str]] = {}
    rss: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(on_core(plan.load_core))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-e2e-")))
        servers = _start(case, names, plan, folder, stack, missing)
        if BASE in servers:
            for name, server in servers.items():
                _progress(f"{case.name}: warming up {name}")
                load.burst(case, server.address, min(plan.seconds, MAX_WARM_UP_SECONDS))
            bursts, errors = _rounds(case, servers, plan)
            rss = {name: rss_mb(server.pid) for name, server in servers.items()}
        elif servers:
            missing.update(dict.fromkeys(servers, f"nothing to compare with: {BASE} is missing"))
        _progress("")
    results = [
        ServerResult(
            name=name,
            figures=compare(bursts[name], bursts[BASE]),
            rss_mb=rss[name],
            errors=errors[name],
            bursts=bursts[name],
        )
        for name in bursts
    ]
    parameters = {key: value for key, value in asdict(case).items() if key not in ("name", "title", "peers")}
    parameters["burst_seconds"] = load.burst_seconds(case, plan.seconds)
    return CaseResult(case.name, case.title, parameters, sorted(results, key=by_cost), missing)


def _start(
    case: Case,
    names: list[str],
    plan: Plan,
    folder: Path,
    stack: contextlib.ExitStack,
    missing: dict[str, str],
) -> dict[str, Server]:
    """Start the servers and keep those that answer rightly; the others' reasons go into `missing`."""
    try:
        load.prepare(case)
    except Missing as reason:
        missing.update(dict.fromkeys(names, f"no load generator: {reason}"))
        return {}
    started: dict[str, Server] = {}
    for name, port in zip(names, free_ports(len(names)), strict=True):
        _progress(f"{case.name}: starting {name}")
        try:
            address = Address(case.transport, port, folder)
            command = PEERS[name].command(case, address)
        except Missing as reason:
            missing[name] = str(reason)
            continue
        server = Server(command, address, folder / f"{name}.log")
        stack.callback(server.stop)
        with on_core(plan.server_core):
            server.start()
        started[name] = server
    up: dict[str, Server] = {}
    for name, server in started.items():
        _progress(f"{case.name}: waiting for {name}")
        fault = server.wait_until_up() or _fault_of_answer(case, server)
        if fault is None and PEERS[name].idle:
            fault = _fault_of_holding(case, server, stack)
        if fault is None:
            up[name] = server
        else:
            missing[name] = fault
            server.stop()
    return up


def _fault_of_holding(case: Case, server: Server, stack: contextlib.ExitStack) -> str | None:
    try:
        stack.enter_context(load.held(case, server.address))
    except Missing as reason:
        return str(reason)
    return None


def _fault_of_answer(case: Case, server: Server) -> str | None:
    try:
        check(case, server.address)
    except WrongAnswer as wrong:
        return f"answers wrong: {wrong}"
    return None


def _rounds(
    case: Case, servers: dict[str, Server], plan: Plan
) -> tuple[dict[str, list[Burst]], dict[str, list[str]]]:
    bursts: dict[str, list[Burst]] = {name: [] for name in servers}
    errors: dict[str, list[str]] = {name: [] for name in servers}
    alive = set(servers)
    for number in range(1, plan.rounds + 1):
        order = [name for name in servers if name in alive]
        plan.rng.shuffle(order)
        for position, name in enumerate(order):
            _progress(f"{case.name}: round {number}/{plan.rounds} {name}")
            server = servers[name]
            burst = _burst(case, server, plan.seconds, number, position)
            bursts[name].append(burst)
            if burst.error is not None:
                errors[name].append(f"round {number}: {burst.error}")
            failure = server.failure()
            if failure is not None:
                errors[name].append(f"round {number}: the server ended: {failure}")
                alive.discard(name)
    return bursts, errors


def _burst(case: Case, server: Server, seconds: float, number: int, position: int) -> Burst:
    before = cpu_times(server.pid)
    seen = load.burst(case, server.address, seconds)
    time.sleep(SETTLE_SECONDS)
    cpu_ns = cpu_ns_between(before, cpu_times(server.pid))
    cpu_us = cpu_ns / seen.requests / 1000 if seen.requests else 0.0
    error = seen.error
    if error is None and cpu_ns <= 0:
        error = "the scheduler counted no CPU time"
    return Burst(number, position, seen.requests, seen.rps, cpu_us, error)


def _progress(text: str) -> None:
    """Show on a terminal what is going on; leave no trace of it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
