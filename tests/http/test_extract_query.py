"""Query: single parameters, repeated ones and whole queries, and what is refused of them."""

import enum
import itertools
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, NotRequired, TypedDict

import msgspec
import pytest
from asked import Refused, ask, refusal

from fastloop_http.extract import FromQuery, Query


class Page(msgspec.Struct):
    number: int
    size: int = 10
    sort: str | None = None


class Renamed(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    page_size: int


class Keywords(msgspec.Struct, kw_only=True):
    q: str
    page: int = 1


class Bounded(msgspec.Struct):
    size: Annotated[int, msgspec.Meta(le=100)]


class Tagged(msgspec.Struct, tag_field="kind", tag="tagged"):
    size: int


class Fresh(msgspec.Struct):
    size: int
    id: int = msgspec.field(default_factory=itertools.count().__next__)


class Even(msgspec.Struct):
    size: int
    exact: bool = False

    def __post_init__(self) -> None:
        if self.size % 2:
            raise ValueError("must be even")


Wide = msgspec.defstruct("Wide", [(f"n{i}", int, i) for i in range(20)])


@dataclass
class Search:
    q: str
    tags: list[int] = field(default_factory=list)


class Range(NamedTuple):
    low: int
    high: int = 9


class Sorted(TypedDict):
    by: str
    tags: NotRequired[list[str]]


class Order(enum.IntEnum):
    UP = 1


@pytest.mark.parametrize(
    ("kind", "query", "value"),
    [
        (int, "x=3", 3),
        (str, "x=a%20b+c", "a b c"),
        (str, "x=", ""),
        (bool, "x=false", False),
        (Order, "x=1", Order.UP),
        (list[int], "x=1&y=0&x=2", [1, 2]),
        (set[str], "x=1&x=1", {"1"}),
        (tuple[int, ...], "x=1", (1,)),
        (Page, "number=2&sort=name", Page(2, sort="name")),
        (Page, "number=2&other=1", Page(2)),
        (Renamed, "page-size=3", Renamed(3)),
        (Keywords, "page=2&q=a", Keywords(q="a", page=2)),
        (Bounded, "size=100", Bounded(100)),
        (Tagged, "size=1&kind=tagged", Tagged(1)),
        (Even, "size=2&exact=true", Even(2, True)),
        (Even, "size=%32&exact=1", Even(2, True)),
        (Wide, "n19=0", Wide(n19=0)),
        (Search, "q=a&tags=1&tags=2", Search("a", [1, 2])),
        (Search, "q=a", Search("a")),
        (Range, "low=1", Range(1)),
        (Sorted, "by=a&tags=b", {"by": "a", "tags": ["b"]}),
        (dict[str, str], "a=1&b=2", {"a": "1", "b": "2"}),
        (dict[str, int], "a=1&b=2", {"a": 1, "b": 2}),
        (dict[str, list[int]], "a=1&b=2&a=3", {"a": [1, 3], "b": [2]}),
    ],
)
def test_query_is_converted_to_the_type(kind: Any, query: str, value: object) -> None:
    assert ask(Query[kind], f"/?{query}") == value


def test_default_of_each_request_is_its_own() -> None:
    first, second = (ask(Query[Fresh], "/?size=1") for _ in range(2))
    assert second.id == first.id + 1


@pytest.mark.parametrize(
    ("kind", "query", "errors"),
    [
        (int, "", [("x", "Missing")]),
        (int, "y=1", [("x", "Missing")]),
        (int, "x=", [("x", "Expected `int`")]),
        (int, "x=1_0", [("x", "Expected `int`")]),
        (list[int], "", [("x", "Missing")]),
        (list[int], "x=1&x=a&x=b", [("x", "Expected `int`"), ("x", "Expected `int`")]),
        (Page, "", [("number", "Missing")]),
        (Page, "number=a&size=b", [("number", "Expected `int`"), ("size", "Expected `int`")]),
        (Bounded, "size=101", [("size", "Expected `int` <= 100")]),
        (Tagged, "size=1&kind=other", [("kind", "Invalid value 'other'")]),
        (Even, "size=2&exact=yes", [("exact", "Expected `bool`")]),
        (Even, "size=3", [("", "must be even")]),
        (Renamed, "page-size=1&page_size=1", [("page_size", "Not known")]),
        (Search, "tags=a&tags=1", [("q", "Missing"), ("tags", "Expected `int`")]),
        (Range, "low=a&high=b", [("low", "Expected `int`"), ("high", "Expected `int`")]),
        (dict[str, int], "a=b", [("a", "Expected `int`")]),
    ],
)
def test_query_that_does_not_fit_is_refused_for_all_that_is_wrong(
    kind: Any, query: str, errors: list[tuple[str, str]]
) -> None:
    assert ask(Query[kind], f"/?{query}") == Refused(400, errors)


@pytest.mark.parametrize("kind", [int, str, list[str], Page, Search, dict[str, str]])
def test_malformed_query_is_refused(kind: Any) -> None:
    assert ask(Query[kind], "/?x=%FF&number=1&q=1") == Refused(400, [])


def test_missing_parameter_is_none_or_its_default() -> None:
    assert ask(Query[int] | None, "/?y=1") is None
    assert ask(Query[int | None], "/?y=1") is None
    assert ask(Query[int], "/?y=1", default=5) == 5
    assert ask(Query[list[int]], "/", default=()) == ()
    assert ask(Query[Page] | None, "/") is None
    assert ask(Query[Page], "/", default=Page(1)) == Page(1)


def test_optional_parameter_that_is_wrong_is_refused() -> None:
    assert ask(Query[int] | None, "/?x=null").status == 400
    assert ask(Query[int | None], "/?x=null").status == 400
    assert ask(Query[int], "/?x=a", default=5).status == 400
    assert ask(Query[Page] | None, "/?size=1").status == 400


def test_parameter_may_have_another_name() -> None:
    assert ask(Annotated[int, FromQuery("page-size")], "/?page-size=3") == 3
    assert ask(Annotated[int, FromQuery("page-size")], "/").names == ["page-size"]


def test_constraint_is_kept() -> None:
    kind = Query[Annotated[int, msgspec.Meta(le=100)]]
    assert ask(kind, "/?x=100") == 100
    assert ask(kind, "/?x=101") == Refused(400, [("x", "Expected `int` <= 100")])


def test_type_that_nothing_converts_to_is_refused() -> None:
    assert "of type object" in refusal(Query[object])
    assert "with object in it" in refusal(Query[list[object]])
