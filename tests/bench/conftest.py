"""Runs made up for the tests: cost per server in, a whole Run out."""

from collections.abc import Callable

import pytest

from bench.e2e.cases import CASES
from bench.e2e.figures import Burst, CaseResult, Run, ServerResult, compare

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run() -> MakeRun:
    """Make a run of one case from CPU microseconds by server; `errors` makes a server's figures invalid."""

    def make(case: str, cpu_us: dict[str, float], errors: dict[str, list[str]] | None = None) -> Run:
        bursts = {name: [Burst(1, 0, 1000, 1e6 / us, us)] for name, us in cpu_us.items()}
        servers = [
            ServerResult(name, compare(each, bursts["limit"]), 2.0, (errors or {}).get(name, []), each)
            for name, each in bursts.items()
        ]
        result = CaseResult(case, CASES[case].title, {}, servers, {})
        return Run("python -m bench.e2e", 1, 1, 1.0, {"cpu": "A <fast> & cheap CPU"}, [result])

    return make
