"""LoadShed: so many at a time, and the others are turned away."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from layered import layered
from served import Site, eventually, request

from fastloop_http import Request
from fastloop_http.middleware import LoadShed


def test_those_past_n_are_turned_away_at_once_till_one_is_done(make_site: Callable[..., Site]) -> None:
    begun = []
    go_on = threading.Event()

    async def slow(request: Request) -> str:
        begun.append(request)
        await asyncio.to_thread(go_on.wait)
        return "done"

    site = make_site(layered(slow, LoadShed(2, retry_after_s=7)))
    peers = [site.peer().send(request()) for _ in range(2)]
    assert eventually(lambda: len(begun) == 2)
    answer = site.get()
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert answer.body == b"Service Unavailable"
    go_on.set()
    assert [peer.answer().status for peer in peers] == [200, 200]
    assert site.get().status == 200


def test_failed_and_cancelled_requests_count_no_more() -> None:
    layer = LoadShed(1)

    async def failing(request: object) -> None:
        raise LookupError

    async def forever(request: object) -> None:
        await asyncio.Event().wait()

    async def done(request: object) -> str:
        return "done"

    async def main() -> object:
        with pytest.raises(LookupError):
            await layer(None, failing)  # type: ignore[arg-type]
        task = asyncio.create_task(layer(None, forever))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        assert (await layer(None, done)).status == 503  # type: ignore[arg-type]
        task.cancel()
        await asyncio.wait([task])
        return await layer(None, done)  # type: ignore[arg-type]

    assert asyncio.run(main()) == "done"
    assert asyncio.run(main()) == "done"  # on another loop


@pytest.mark.parametrize(
    "options", [{"n": 0}, {"n": True}, {"n": 1, "retry_after_s": -1}, {"n": 1, "retry_after_s": 1.5}]
)
def test_malformed_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be an int from"):
        LoadShed(**options)
