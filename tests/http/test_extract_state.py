"""State: found by type when the router is compiled, or refused then."""

from typing import Protocol, runtime_checkable

import pytest
from asked import ask, refusal

from fastloop_http.extract import State


class Database: ...


class Replica(Database): ...


@runtime_checkable
class Closable(Protocol):
    def close(self) -> None: ...


class Opaque(Protocol):
    def close(self) -> None: ...


class Pool:
    def close(self) -> None: ...


DATABASE, REPLICA, POOL = Database(), Replica(), Pool()


@pytest.mark.parametrize(
    ("kind", "states", "value"),
    [
        (Database, [DATABASE], DATABASE),
        (Database, [REPLICA, DATABASE], DATABASE),
        (Database, [REPLICA, POOL], REPLICA),
        (Closable, [DATABASE, POOL], POOL),
        (dict[str, int], [{"a": 1}], {"a": 1}),
        (Database | None, [DATABASE], DATABASE),
    ],
)
def test_state_is_found_by_type(kind: type, states: list[object], value: object) -> None:
    assert ask(State[kind], states=states) is value or ask(State[kind], states=states) == value


def test_state_that_is_missing_is_none_or_its_default() -> None:
    assert ask(State[Database] | None, states=[POOL]) is None
    assert ask(State[Database], default=REPLICA, states=[POOL]) is REPLICA


def test_state_that_is_missing_is_refused_when_the_router_is_compiled() -> None:
    assert "with_state" in refusal(State[Database], states=[POOL])
    assert "with_state" in refusal(State[Database])


def test_state_of_which_there_are_two_is_refused() -> None:
    class Other(Database): ...

    said = refusal(State[Database], states=[REPLICA, Other()])
    assert "Replica" in said
    assert "Other" in said


def test_protocol_that_cannot_be_asked_is_refused() -> None:
    assert "@runtime_checkable" in refusal(State[Opaque], states=[POOL])
