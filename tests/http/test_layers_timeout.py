"""Timeout: what is inside has so long."""

import asyncio
from collections.abc import Callable

import pytest
from layered import layered
from served import Site

from fastloop_http import Request
from fastloop_http.middleware import Timeout


def test_answer_in_time_is_passed_on(make_site: Callable[..., Site]) -> None:
    async def prompt(request: Request) -> str:
        await asyncio.sleep(0)
        return "done"

    answer = make_site(layered(prompt, Timeout(20))).get()
    assert (answer.status, answer.body) == (200, b"done")


def test_slow_handler_is_cancelled_and_answered_408(make_site: Callable[..., Site]) -> None:
    ends = []

    async def slow(request: Request) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        return "never"

    site = make_site(layered(slow, Timeout(0.02)))
    answer = site.get()
    assert (answer.status, answer.body) == (408, b"Request Timeout")
    assert ends == ["cancelled"]


def test_timeout_of_the_handlers_own_is_not_mistaken_for_it(make_site: Callable[..., Site]) -> None:
    async def failing(request: Request) -> str:
        raise TimeoutError("the database's")

    async def timed_inside(request: Request) -> str:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()
        return "never"

    for handler in (failing, timed_inside):
        assert make_site(layered(handler, Timeout(20))).get().status == 500


def test_inner_of_two_timeouts_is_the_one_that_answers(make_site: Callable[..., Site]) -> None:
    async def slow(request: Request) -> None:
        await asyncio.Event().wait()

    assert make_site(layered(slow, Timeout(20), Timeout(0.01))).get().status == 408
    assert make_site(layered(slow, Timeout(0.01), Timeout(20))).get().status == 408


def test_cancellation_from_outside_goes_on() -> None:
    async def forever(request: object) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(Timeout(20)(None, forever))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True, "1", None])
def test_time_that_is_none_is_refused(seconds: object) -> None:
    with pytest.raises(ValueError, match="seconds must be a number above 0"):
        Timeout(seconds)  # type: ignore[arg-type]
