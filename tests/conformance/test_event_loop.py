"""Our loop against asyncio's own tests: those of event loops, and those of all that asyncio builds on one.

The former take a loop by method (`loop_mixins`), the latter use the one that asyncio makes: it is replaced.
"""

import known_failures
import pytest
import selection
import stdlib_case
import stdlib_processes


def parameters():
    """Yield the cases as pytest parameters."""
    for case in selection.cases():
        module, cls, test = case
        short = f"{module.rpartition('.')[2]}.{cls}"
        why = known_failures.NOT_APPLICABLE.get(short)
        marks = [pytest.mark.skip(reason=why)] if why else []
        yield pytest.param(case, id=f"{short}.{test}", marks=marks)


@pytest.fixture(scope="session")
def outcomes(request):
    # Those selected, in the order in which they are asked for.
    cases = [item.callspec.params["case"] for item in request.session.items
             if getattr(item, "function", None) is test_stdlib and not item.get_closest_marker("skip")]
    outcomes = stdlib_processes.Outcomes(cases)
    yield outcomes
    outcomes.close()


@pytest.mark.parametrize("case", list(parameters()))
def test_stdlib(case, outcomes, request):
    problems, skipped = outcomes.wait(case)
    stdlib_case.judge(problems, skipped, known_failures.KNOWN_FAILURES.get(request.node.callspec.id))
