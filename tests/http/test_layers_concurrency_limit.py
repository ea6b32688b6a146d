"""ConcurrencyLimit: so many at a time, and then in order."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from layered import layered
from served import Site, eventually, request

from fastloop_http import Request
from fastloop_http.middleware import ConcurrencyLimit


def test_no_more_than_n_are_inside_and_the_others_follow_in_order() -> None:
    inside: list[int] = []
    most = 0

    async def main() -> list[int]:
        layer = ConcurrencyLimit(2)
        order = []

        async def handler(number: int) -> int:
            nonlocal most
            inside.append(number)
            order.append(number)
            most = max(most, len(inside))
            await asyncio.sleep(0.001)
            inside.remove(number)
            return number

        await asyncio.gather(*(layer(number, handler) for number in range(8)))  # type: ignore[arg-type]
        return order

    assert asyncio.run(main()) == list(range(8))
    assert most == 2


def test_place_is_free_again_after_an_exception_and_after_cancellation() -> None:
    async def main() -> str:
        layer = ConcurrencyLimit(1)

        async def failing(request: object) -> None:
            raise LookupError

        async def forever(request: object) -> None:
            await asyncio.Event().wait()

        async def done(request: object) -> str:
            return "done"

        with pytest.raises(LookupError):
            await layer(None, failing)  # type: ignore[arg-type]
        running, waiting = (asyncio.create_task(layer(None, forever)) for _ in range(2))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        waiting.cancel()
        running.cancel()
        await asyncio.wait([running, waiting])
        return await layer(None, done)  # type: ignore[arg-type, return-value]

    assert asyncio.run(main()) == "done"


def test_each_loop_has_its_own_places() -> None:
    layer = ConcurrencyLimit(1)
    together = threading.Barrier(2, timeout=20)

    async def handler(request: object) -> None:
        await asyncio.to_thread(together.wait)

    async def main() -> None:
        await layer(None, handler)  # type: ignore[arg-type]

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not together.broken


def test_requests_wait_for_their_turn(make_site: Callable[..., Site]) -> None:
    begun = []
    go_on = threading.Event()

    async def slow(request: Request) -> str:
        begun.append(request)
        await asyncio.to_thread(go_on.wait)
        return "done"

    site = make_site(layered(slow, ConcurrencyLimit(1)))
    peers = [site.peer().send(request()) for _ in range(3)]
    assert eventually(lambda: begun)
    assert peers[-1].silent()
    assert len(begun) == 1
    go_on.set()
    assert [peer.answer().body for peer in peers] == [b"done"] * 3


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "1", None])
def test_number_that_is_none_is_refused(n: object) -> None:
    with pytest.raises(ValueError, match="n must be an int from 1"):
        ConcurrencyLimit(n)  # type: ignore[arg-type]
