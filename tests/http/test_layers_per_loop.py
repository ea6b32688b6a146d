"""State that belongs to an event loop."""

import asyncio
import gc

import pytest

from fastloop_http.middleware.per_loop import PerLoop


class State:
    """Something that can be told from another."""


def test_each_loop_has_one_that_goes_with_it() -> None:
    states = PerLoop(State)

    async def main() -> State:
        assert states.get() is states.get()
        return states.get()

    assert asyncio.run(main()) is not asyncio.run(main())
    gc.collect()
    assert len(states._made) == 0


def test_without_a_loop_there_is_none() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        PerLoop(State).get()
