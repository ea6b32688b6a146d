"""Every part of a value that does not fit, found within bounds."""

import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastloop_http.extract.failures import MAX_FAILURES, Failure, failures


class Tree(msgspec.Struct):
    value: int
    children: list["Tree"] = []


class Pair(msgspec.Struct, array_like=True):
    left: int
    right: str = ""


class Point(NamedTuple):
    x: int
    y: int


class Color(enum.Enum):
    RED = "red"


@dataclass
class Item:
    price: Annotated[float, msgspec.Meta(gt=0)]
    color: Color | None = None


class Options(TypedDict):
    mode: Literal["fast", "slow"]
    depth: NotRequired[int]


def found(kind: Any, value: object, *, strict: bool = True) -> list[Failure]:
    try:
        msgspec.convert(value, kind, strict=strict, str_keys=True)
    except msgspec.ValidationError as error:
        return failures(msgspec.inspect.type_info(kind), value, error, strict=strict)
    raise AssertionError("it fits")


@pytest.mark.parametrize(
    ("kind", "value", "places"),
    [
        (Tree, {"value": 1, "children": [{"value": "a"}, {"children": [{}]}]}, [
            ("children", 0, "value"), ("children", 1, "value"), ("children", 1, "children", 0, "value"),
        ]),
        (Pair, ["a", 1], [(0,), (1,)]),
        (Pair, [], [(0,)]),
        (Point, [1, "a"], [(1,)]),
        (Point, [1], [(1,)]),
        (list[Item], [{"price": 0}, {"price": 1, "color": "blue"}, 3], [(0, "price"), (1, "color"), (2,)]),
        (Options, {"mode": "none", "depth": "a"}, [("mode",), ("depth",)]),
        (tuple[int, str], [1, 2], [(1,)]),
        (tuple[int, str], [1], [()]),
        (dict[int, int], {"1": "a", "b": 2}, [("1",), ("b",)]),
        (Annotated[list[int], msgspec.Meta(max_length=1)], [1, "a"], [(), (1,)]),
        (Annotated[dict[str, int], msgspec.Meta(min_length=1)], {}, [()]),
        (int | list[Item] | None, [{}, {"price": "a"}], [(0, "price"), (1, "price")]),
        (int | str, 1.5, [()]),
        (set[int], [1, "a"], [(1,)]),
    ],
)  # fmt: skip
def test_every_failure_has_its_place(kind: Any, value: object, places: list[Any]) -> None:
    # In no certain order, as the fields of a TypedDict are in none.
    assert sorted((failure.place for failure in found(kind, value)), key=repr) == sorted(places, key=repr)


def test_texts_are_numbers_where_they_need_not_be_strict() -> None:
    kind = msgspec.defstruct("Page", [("number", int), ("size", int)])
    assert found(kind, {"number": "1", "size": "b"}, strict=False) == [
        Failure(("size",), "Expected `int`, got `str`")
    ]


def test_failures_are_bounded_in_number() -> None:
    assert len(found(list[int], ["a"] * 1000)) == MAX_FAILURES
    many = found(dict[str, int], {f"key{index}": "a" for index in range(1000)})
    assert len(many) == MAX_FAILURES
    assert all(len(failure.place) == 1 for failure in many)


def test_failure_beyond_the_walk_is_still_told() -> None:
    value: list[object] = [1] * 50_000
    value[40_000] = "a"
    assert found(list[int], value) == [Failure((40_000,), "Expected `int`, got `str`")]


def test_deep_value_costs_little() -> None:
    tree: dict[str, Any] = {"value": "a"}
    for _ in range(200):
        tree = {"value": 1, "children": [tree]}
    (failure,) = found(Tree, tree)
    assert failure.place[-1] == "value"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Color, "x" * 1000),
        (Literal["a"], "x" * 1000),
        (msgspec.defstruct("Closed", [], forbid_unknown_fields=True), {"x" * 1000: 1}),
        (dict[str, int], {"x" * 1000: "a"}),
    ],
)
def test_details_repeat_little_of_the_value(kind: Any, value: object) -> None:
    for failure in found(kind, value):
        assert failure.detail.count("x") < 90


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["value", "children"]), inner)
    ),
)
KINDS = [Tree, Pair, Point, Item, Options, list[Tree], dict[str, Tree], int | list[Item]]


@given(JSON, st.sampled_from(KINDS))
def test_no_value_is_too_strange(value: object, kind: Any) -> None:
    try:
        msgspec.convert(value, kind, str_keys=True)
    except msgspec.ValidationError as error:
        listed = failures(msgspec.inspect.type_info(kind), value, error, strict=True)
        assert listed
        for failure in listed:
            part: Any = value
            for step in failure.place[:-1]:
                part = part[step]
