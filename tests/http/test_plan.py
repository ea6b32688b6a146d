"""The code of call plans: in which order a request's parts are made, and what becomes of what cannot be."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest

from fastloop_http import Request
from fastloop_http.errors import BodyRejection, JsonRejection, QueryRejection, Rejection
from fastloop_http.extract.depends import Depends
from fastloop_http.extract.source import Extractor, Parameter, Source, Surroundings
from fastloop_http.handler import compile_plan


class From(Extractor):
    """An extractor of this source."""

    def __init__(self, **source: Any) -> None:
        self.made = Source(**source)

    def source(self, parameter: Parameter) -> Source:
        return self.made


def refuse(*_: object) -> Any:
    raise QueryRejection("no")


def run(handler: Callable[..., object], request: Request | None = None) -> Any:
    """Run handler as a server would, with what it awaits."""
    plan = compile_plan(handler, Surroundings("/{a}/{b}", ("a", "b")))
    request = request or Request.build("GET", "/1/2")
    texts = [("1", "2")[place] for place in plan.captures]
    given = (request, *texts) if plan.wants_request else tuple(texts)

    async def main() -> Any:
        value = plan.call(*given)
        return await value if asyncio.iscoroutine(value) else value

    return asyncio.run(main())


async def awaited(request: Request) -> str:
    await asyncio.sleep(0)
    return request.method


FIRST = From(call=int, arguments=("text0",))
METHOD = From(call=lambda request: request.method, arguments=("request",))
AWAITED = From(call=awaited, arguments=("request",), awaited=True)
BODY = From(call=bytes.upper, arguments=("body",))
RAW_BODY = From(arguments=("body",))
CONSTANT = From(constant="constant")
REFUSED = From(call=refuse, arguments=("request",))
REFUSED_BODY = From(call=refuse, arguments=("body",))


def plain(
    first: Annotated[int, FIRST],
    constant: Annotated[str, CONSTANT],
    b: str,
    *,
    method: Annotated[str, METHOD],
) -> object:
    return first, constant, b, method


async def asynchronous(
    first: Annotated[int, FIRST], method: Annotated[str, AWAITED], body: Annotated[bytes, BODY]
) -> object:
    return first, method, body


def with_awaited(method: Annotated[str, AWAITED]) -> object:
    return method


def with_body(body: Annotated[bytes, BODY], first: Annotated[int, FIRST]) -> object:
    return body, first


async def with_raw_body(body: Annotated[bytes, RAW_BODY], limit: int = 3, *, a: str) -> object:
    return body, limit, a


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        (plain, (1, "constant", "2", "POST")),
        (asynchronous, (1, "POST", b"BODY")),
        (with_awaited, "POST"),
        (with_body, (b"BODY", 1)),
        (with_raw_body, (b"body", 3, "1")),
    ],
)
def test_handler_gets_what_its_sources_make(handler: Callable[..., object], answer: object) -> None:
    assert run(handler, Request.build("POST", "/1/2", body=b"body")) == answer


def test_body_is_looked_at_after_all_else() -> None:
    def handler(body: Annotated[bytes, REFUSED_BODY], method: Annotated[str, REFUSED]) -> None: ...

    with pytest.raises(QueryRejection):
        run(handler)

    made: list[str] = []
    body = From(call=lambda content: made.append("body"), arguments=("body",))
    other = From(call=lambda request: made.append("other"), arguments=("request",))

    def both(body: Annotated[None, body], other: Annotated[None, other]) -> None: ...

    run(both)
    assert made == ["other", "body"]


def test_check_comes_before_the_body_is_read() -> None:
    source = From(call=bytes, arguments=("body",), check=refuse)

    def handler(body: Annotated[bytes, source]) -> None: ...

    with pytest.raises(QueryRejection):
        run(handler)


def test_rejection_is_handed_to_the_handler_that_takes_it() -> None:
    def handler(method: Annotated[str, REFUSED] | QueryRejection) -> object:
        return method

    rejected = run(handler)
    assert isinstance(rejected, QueryRejection)
    assert rejected.detail == "no"


def test_rejection_of_the_body_is_handed_to_the_handler_that_takes_it() -> None:
    async def handler(first: Annotated[int, FIRST], body: Annotated[str, REFUSED_BODY] | Rejection) -> object:
        return first, body

    first, rejected = run(handler, Request.build("POST", "/1/2", body=b"body"))
    assert first == 1
    assert isinstance(rejected, QueryRejection)


def test_other_rejections_are_not_handed_to_it() -> None:
    def handler(method: Annotated[str, REFUSED] | JsonRejection) -> object:
        return method

    with pytest.raises(QueryRejection):
        run(handler)


@pytest.mark.parametrize("kind", [BodyRejection, JsonRejection])
def test_body_that_cannot_be_had_is_a_rejection(kind: type[BodyRejection]) -> None:
    source = From(call=bytes, arguments=("body",), refused=kind)

    def handler(body: Annotated[bytes, source]) -> None: ...

    request = Request.build("POST", "/1/2", body=b"0123456789")
    request.set_body_limit(5)
    with pytest.raises(kind) as caught:
        run(handler, request)
    assert caught.value.status == 413
    assert "10 bytes, limit 5" in caught.value.detail


# Dependencies.


def doubled(a: int) -> int:
    return 2 * a


async def doubled_later(number: Annotated[int, Depends(doubled)]) -> int:
    await asyncio.sleep(0)
    return 2 * number


class Page:
    def __init__(self, a: int, *, b: int, size: int = 10) -> None:
        self.said = a, b, size


def test_dependencies_have_parameters_of_their_own() -> None:
    def handler(number: Annotated[int, Depends(doubled_later)], page: Page = Depends(Page)) -> object:  # type: ignore[assignment]  # noqa: B008
        return number, page.said

    assert run(handler) == (4, (1, 2, 10))


def test_dependency_is_called_once_for_a_request() -> None:
    calls: list[int] = []

    def counted() -> int:
        calls.append(1)
        return len(calls)

    def on_it(count: Annotated[int, Depends(counted)]) -> int:
        return count

    def handler(
        one: Annotated[int, Depends(counted)],
        two: Annotated[int, Depends(on_it)],
        three: Annotated[int, Depends(counted, shared=False)],
    ) -> object:
        return one, two, three

    assert run(handler) == (1, 1, 2)
    assert run(handler) == (3, 3, 4)


def test_dependencies_that_yield_are_left_in_reverse_once_the_handler_has_ended() -> None:
    told: list[str] = []

    def outer() -> Iterator[str]:
        told.append("outer in")
        yield "outer"
        told.append("outer out")

    async def inner(outer: Annotated[str, Depends(outer)]) -> AsyncIterator[str]:
        told.append("inner in")
        yield f"{outer} inner"
        told.append("inner out")

    async def handler(inner: Annotated[str, Depends(inner)]) -> str:
        told.append("handler")
        return inner

    assert run(handler) == "outer inner"
    assert told == ["outer in", "inner in", "handler", "inner out", "outer out"]


def test_exception_of_the_handler_is_raised_at_the_yield() -> None:
    seen: list[BaseException] = []

    def watched() -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            seen.append(error)
            raise

    def handler(_: Annotated[None, Depends(watched)]) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        run(handler)
    assert seen == [caught.value]


def test_dependency_that_swallows_the_exception_is_told_so() -> None:
    def greedy() -> Iterator[None]:
        with contextlib.suppress(ValueError):
            yield

    def handler(_: Annotated[None, Depends(greedy)]) -> None:
        raise ValueError("mine")

    with pytest.raises(RuntimeError, match="swallowed"):
        run(handler)


def itself(again: Any) -> None: ...


itself.__annotations__["again"] = Annotated[None, Depends(itself)]


def takes_anything(thing) -> None:  # type: ignore[no-untyped-def]
    ...


def takes_rejection(method: Annotated[str, REFUSED] | Rejection) -> None: ...


@pytest.mark.parametrize(
    ("dependency", "message"),
    [
        (itself, "depends on itself"),
        (takes_anything, "dependency takes_anything.. of handler handler..: parameter 'thing' is neither"),
        (takes_rejection, "only a handler takes rejections"),
    ],
)
def test_dependency_nothing_fills_is_refused(dependency: Callable[..., Any], message: str) -> None:
    def handler(it: Annotated[Any, Depends(dependency)]) -> None: ...

    with pytest.raises(TypeError, match=message):
        run(handler)


def test_what_cannot_be_called_is_no_dependency() -> None:
    with pytest.raises(TypeError, match="takes a function"):
        Depends(3)  # type: ignore[arg-type]


def test_two_parameters_that_take_the_body_are_refused() -> None:
    def on_body(body: Annotated[bytes, BODY]) -> bytes:
        return body

    def handler(one: Annotated[bytes, RAW_BODY], two: Annotated[bytes, Depends(on_body)]) -> None: ...

    with pytest.raises(TypeError, match=r"handler handler\(\): 2 parameters take the body"):
        run(handler)


def test_body_may_be_taken_by_a_dependency() -> None:
    def on_body(body: Annotated[bytes, BODY], a: str) -> object:
        return body, a

    def handler(it: Annotated[Any, Depends(on_body)]) -> object:
        return it

    assert run(handler, Request.build("POST", "/1/2", body=b"body")) == (b"BODY", "1")


def two_extractors(x: Annotated[int, FIRST, METHOD]) -> None: ...


def two_in_a_union(x: Annotated[int, FIRST] | Annotated[str, METHOD]) -> None: ...


def union_with_another(x: Annotated[int, FIRST] | str) -> None: ...


def extractor_twice(x: Annotated[int, FIRST] = METHOD) -> None:  # type: ignore[assignment]
    ...


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (two_extractors, "has more than one extractor"),
        (two_in_a_union, "has more than one extractor"),
        (union_with_another, "beside an extractor there may be None"),
        (extractor_twice, "another for its default"),
    ],
)
def test_annotation_that_says_two_things_is_refused(handler: Callable[..., object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        run(handler)
