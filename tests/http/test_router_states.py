"""What routers give to handlers: states, lifespans, and what stands in for them in tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Protocol

import pytest
from served import Peer, request

import fastloop
from fastloop_http import Depends, Path, Request, Router, Server, State, get


class Database:
    def __init__(self, name: str = "real") -> None:
        self.name = name


class Named(Protocol):
    name: str


def name_of(database: State[Database]) -> str:
    return database.name


def said(router: Router, target: str = "/") -> object:
    return asyncio.run(router.oneshot(Request.build("GET", target))).body


def test_state_is_found_by_its_type() -> None:
    assert said(Router().with_state(Database()).route("/", get(name_of))) == "real"


def test_state_may_be_given_as_a_protocol() -> None:
    def handler(it: State[Named]) -> str:
        return it.name

    assert said(Router().route("/", get(handler)).with_state(Database(), Named)) == "real"


def test_state_of_the_inner_router_goes_first() -> None:
    inner = Router().route("/own", get(name_of)).with_state(Database("inner"))
    lent = Router().route("/lent", get(name_of))
    router = Router().merge(inner).nest("/in", lent).with_state(Database("outer"))
    assert [said(router, target) for target in ("/own", "/in/lent")] == ["inner", "outer"]


def test_state_given_to_a_router_that_is_nested_already_counts() -> None:
    inner = Router().route("/x", get(name_of))
    router = Router().nest("/in", inner)
    inner.with_state(Database("late"))
    assert said(router, "/in/x") == "late"


def test_missing_state_is_told_before_the_first_request() -> None:
    router = Router().route("/", get(name_of))
    with pytest.raises(TypeError, match=r"handler name_of\(\): parameter 'database' .*with_state"):
        router.compile()


def test_second_state_of_a_type_is_refused() -> None:
    with pytest.raises(ValueError, match="there is a state of type Database already"):
        Router().with_state(Database()).with_state(Database())


def test_capture_of_no_prefix_is_told_before_the_first_request() -> None:
    def handler(tenant: Path[str], item: Path[int]) -> str:
        return f"{tenant} {item}"

    inner = Router().route("/items/{item}", get(handler))
    assert said(Router().nest("/{tenant}", inner), "/acme/items/3") == "acme 3"
    two = Router().route("/{item}/{other}", get(handler))
    with pytest.raises(TypeError, match=r"handler handler\(\): parameter 'tenant'"):
        two.compile()


# Overrides.


def test_others_stand_in_during_a_with() -> None:
    def current() -> str:
        return "ada"

    def handler(user: Annotated[str, Depends(current)], database: State[Database]) -> str:
        return f"{user} in {database.name}"

    router = Router().nest("/in", Router().route("/", get(handler))).with_state(Database())
    with router.override({current: lambda: "eve", Database: Database("fake")}):
        assert said(router, "/in") == "eve in fake"
        with router.override({current: lambda: "bob"}):
            assert said(router, "/in") == "bob in fake"
    assert said(router, "/in") == "ada in real"


def test_state_that_is_missing_may_be_overridden() -> None:
    router = Router().route("/", get(name_of))
    with router.override({Database: Database("fake")}):
        assert said(router) == "fake"


# Lifespans.


def lifespan(name: str, told: list[str], state: Any = None) -> Callable[[Router], Any]:
    @contextlib.asynccontextmanager
    async def manager(app: Router) -> AsyncIterator[Any]:
        told.append(f"{name} in")
        try:
            yield state
        finally:
            told.append(f"{name} out")

    return manager


def test_lifespans_nest_in_the_order_in_which_they_were_added() -> None:
    told: list[str] = []
    inner = Router().with_lifespan(lifespan("inner", told))
    router = Router().with_lifespan(lifespan("first", told)).nest("/in", inner)
    router.with_lifespan(lifespan("last", told))

    async def main() -> None:
        async with router.lifespan():
            told.append("running")

    asyncio.run(main())
    assert told == ["first in", "inner in", "last in", "running", "last out", "inner out", "first out"]


def test_lifespan_gives_a_state_while_it_lasts() -> None:
    router = Router().route("/", get(name_of)).with_lifespan(lifespan("db", [], Database("opened")))

    async def main() -> object:
        async with router.lifespan() as entered:
            return (await entered.oneshot(Request.build("GET", "/"))).body

    assert [asyncio.run(main()) for _ in range(2)] == ["opened", "opened"]
    with pytest.raises(TypeError, match="parameter 'database'"):
        said(router)


def test_states_of_lifespans_are_of_the_time_they_were_entered() -> None:
    names = iter(["one", "two"])

    @contextlib.asynccontextmanager
    async def manager(app: Router) -> AsyncIterator[Database]:
        yield Database(next(names))

    inner = Router().route("/", get(name_of)).with_lifespan(manager)
    router = Router().nest("/in", inner)

    async def main() -> list[object]:
        async with router.lifespan() as first, router.lifespan() as second:
            return [(await each.oneshot(Request.build("GET", "/in"))).body for each in (first, second, first)]

    assert asyncio.run(main()) == ["one", "two", "one"]


def test_two_states_of_one_type_are_one_too_many() -> None:
    router = Router().with_lifespan(lifespan("one", [], Database("one"))).with_state(Database("two"))

    async def main() -> None:
        async with router.lifespan():
            raise AssertionError

    with pytest.raises(ValueError, match="type Database, and there is one already"):
        asyncio.run(main())


def test_another_lifespan_stands_in() -> None:
    told: list[str] = []
    real = lifespan("real", told, Database("real"))
    router = Router().merge(Router().route("/", get(name_of)).with_lifespan(real))

    async def main() -> object:
        async with router.lifespan() as entered:
            return (await entered.oneshot(Request.build("GET", "/"))).body

    with router.override({real: lifespan("fake", told, Database("fake"))}):
        assert asyncio.run(main()) == "fake"
    assert told == ["fake in", "fake out"]
    assert asyncio.run(main()) == "real"


def test_server_enters_the_lifespans_of_its_app() -> None:
    told: list[str] = []
    router = Router().route("/", get(name_of)).with_lifespan(lifespan("db", told, Database("opened")))

    def ask(address: str) -> bytes:
        with Peer(int(address.rpartition(":")[2])) as peer:
            return peer.send(request()).answer().body

    async def main() -> bytes:
        async with Server(router).listening("127.0.0.1:0") as listening:
            return await asyncio.to_thread(ask, listening.addresses[0])

    assert fastloop.run(main()) == b"opened"
    assert told == ["db in", "db out"]


def test_lifespan_that_is_none_is_refused() -> None:
    async def main() -> None:
        async with Router().with_lifespan(lambda app: None).lifespan():  # type: ignore[arg-type, return-value]
            raise AssertionError

    with pytest.raises(TypeError, match="must return an async context manager"):
        asyncio.run(main())
    with pytest.raises(TypeError, match="takes a function"):
        Router().with_lifespan("database")  # type: ignore[arg-type]
