"""Load one server: wrk for HTTP, echoload for the echoes. The caller has chosen the core."""

import contextlib
import re
import selectors
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.e2e.addresses import HOST, Address
from bench.e2e.build import Missing, binary, last_line, tool
from bench.e2e.cases import Case

REQUEST_LUA = Path(__file__).with_name("request.lua")

# On top of the burst: connecting, and closing what is in flight.
GRACE_SECONDS = 10.0

# For thousands of connections, one after the other.
HOLD_SECONDS = 30.0


@dataclass(frozen=True)
class Load:
    """What the load saw. Any error makes the server's figure invalid."""

    requests: int
    rps: float
    error: str | None = None


def prepare(case: Case) -> None:
    """Build or find the case's load generator. Raise Missing where there is none."""
    if case.kind == "http":
        tool("wrk")
    else:
        _program(case)


def _program(case: Case) -> str:
    return str(binary("echoload-tls" if case.transport == "tls" else "echoload"))


def burst_seconds(case: Case, seconds: float) -> float:
    """Return how long a burst lasts: wrk takes whole seconds."""
    return float(max(1, round(seconds))) if case.kind == "http" else seconds


def burst(case: Case, address: Address, seconds: float) -> Load:
    """Load the server for so long and count its answers."""
    command = (_wrk if case.kind == "http" else _echoload)(case, address, burst_seconds(case, seconds))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        return Load(0, 0.0, f"the load did not end within {seconds + GRACE_SECONDS:g} s")
    if done.returncode:
        said = last_line(done.stderr) or last_line(done.stdout)
        return Load(0, 0.0, said or f"the load ended with status {done.returncode}")
    return (read_wrk if case.kind == "http" else read_echoload)(done.stdout)


def _wrk(case: Case, address: Address, seconds: float) -> list[str]:
    command = ["wrk", "-t1", f"-c{case.connections}", f"-d{seconds:.0f}s"]
    url = f"http://{HOST}:{address.port}{case.path}"
    if case.pipeline == 1 and case.method == "GET":
        return [*command, url]
    arguments = [str(case.pipeline), case.method, case.path]
    if case.request_body:
        arguments += [case.request_type, case.request_body, "1"]
    elif case.request_bytes:
        # Megabytes do not fit into an argument.
        arguments += [case.request_type, "x", str(case.request_bytes)]
    return [*command, "-s", str(REQUEST_LUA), url, "--", *arguments]


def _echoload(case: Case, address: Address, seconds: float) -> list[str]:
    numbers = (case.connections, case.message_bytes, seconds)
    return [_program(case), case.transport, str(address), *(str(number) for number in numbers)]


@contextlib.contextmanager
def held(case: Case, address: Address) -> Iterator[None]:
    """Hold the case's idle connections to the server. Raise Missing where they cannot be had."""
    command = [_program(case), "hold", case.transport, str(address), str(case.idle)]
    holder = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        with selectors.DefaultSelector() as selector:
            assert holder.stdout is not None
            selector.register(holder.stdout, selectors.EVENT_READ)
            said = holder.stdout.readline() if selector.select(HOLD_SECONDS) else ""
        if said != "held\n":
            holder.kill()
            why = last_line(holder.communicate()[1]) or f"not within {HOLD_SECONDS:g} s"
            raise Missing(f"{case.idle} idle connections cannot be opened: {why}")
        yield
    finally:
        holder.kill()
        holder.communicate()


def read_wrk(output: str) -> Load:
    """Read wrk's report: the requests answered, and every complaint."""
    requests = re.search(r"(\d+) requests in", output)
    rps = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if requests is None or rps is None:
        return Load(0, 0.0, f"wrk reported nothing: {last_line(output)!r}")
    errors = re.findall(r"Non-2xx.*|Socket errors.*", output)
    if requests[1] == "0":
        errors.append("no request was answered")
    return Load(int(requests[1]), float(rps[1]), "; ".join(error.strip() for error in errors) or None)


def read_echoload(output: str) -> Load:
    """Read echoload's four numbers."""
    messages, rate, starved, lost = output.split()
    error = None
    if int(messages) == 0:
        error = "no message came back"
    elif int(starved):
        error = f"{starved} connections got nothing back"
    elif int(lost):
        error = f"{lost} datagrams were lost"
    return Load(int(messages), float(rate), error)
