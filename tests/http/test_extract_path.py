"""Path: captures by name and by position, and what is refused of them."""

import datetime
import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import msgspec
import pytest
from asked import Refused, ask, refusal

from fastloop_http.extract import FromPath, Path

ID = uuid.UUID("12345678-1234-5678-1234-567812345678")


class Color(enum.Enum):
    RED = "red"


class Place(msgspec.Struct, rename="camel"):
    user_id: int
    post: str = "first"


@dataclass
class PlaceClass:
    user: int
    post: str


class PlaceTuple(NamedTuple):
    user: int
    post: str = "first"


class PlaceDict(TypedDict):
    user: int


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (str, "Ferris", "Ferris"),
        (str, "%C3%A4%20b", "ä b"),
        (int, "-12", -12),
        (int, "123456789012345678901234567890", 123456789012345678901234567890),
        (float, "1.5", 1.5),
        (bool, "true", True),
        (uuid.UUID, str(ID), ID),
        (datetime.date, "2026-11-22", datetime.date(2026, 11, 22)),
        (datetime.datetime, "2026-11-22T10:30:00", datetime.datetime(2026, 11, 22, 10, 30)),
        (Decimal, "1.10", Decimal("1.10")),
        (Color, "red", Color.RED),
        (Literal["a", "b"], "b", "b"),
        (int | str, "x", "x"),
        (Any, "x", "x"),
    ],
)
def test_capture_is_converted_to_the_type(kind: Any, text: str, value: object) -> None:
    got = ask(Path[kind], f"/{text}", path="/{x}")
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize("text", ["1_0", "%201", "1%20", "%2B1", "007", "0x1", "%D9%A1", "one", "9" * 5000])
def test_what_is_no_number_is_refused(text: str) -> None:
    refused = ask(Path[int], f"/{text}", path="/{x}")
    assert refused.status == 400
    assert refused.names == ["x"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [(float, "1,5"), (bool, "yes"), (uuid.UUID, "12"), (datetime.date, "22.11."), (Color, "blue")],
)
def test_what_is_of_another_type_is_refused(kind: Any, text: str) -> None:
    refused = ask(Path[kind], f"/{text}", path="/{x}")
    assert (refused.status, refused.names) == (400, ["x"])


def test_detail_repeats_little_of_the_path() -> None:
    refused = ask(Path[Color], f"/{'x' * 500}", path="/{x}")
    assert len(refused.errors[0][1]) < 120


def test_constraint_is_kept() -> None:
    kind = Path[Annotated[int, msgspec.Meta(ge=3)]]
    assert ask(kind, "/3", path="/{x}") == 3
    assert ask(kind, "/2", path="/{x}") == Refused(400, [("x", "Expected `int` >= 3")])


def test_parameter_takes_the_capture_of_its_name() -> None:
    assert ask(Path[int], "/1/2", path="/{a}/{x}") == 2


def test_parameter_takes_the_only_capture_whatever_its_name() -> None:
    assert ask(Path[int], "/1", path="/{other}") == 1


def test_parameter_takes_the_capture_that_it_names() -> None:
    assert ask(Annotated[int, FromPath("b")], "/1/2", path="/{a}/{b}") == 2


@pytest.mark.parametrize(
    ("kind", "path", "target", "value"),
    [
        (tuple[int, str], "/{a}/{b}", "/1/2", (1, "2")),
        (list[int], "/{a}/{b}", "/1/2", [1, 2]),
        (dict[str, str], "/{a}/{b}", "/1/2", {"a": "1", "b": "2"}),
        (Place, "/{userId}/{post}", "/1/2", Place(1, "2")),
        (Place, "/{userId}", "/1", Place(1)),
        (PlaceClass, "/{post}/{user}", "/1/2", PlaceClass(2, "1")),
        (PlaceTuple, "/{user}", "/1", PlaceTuple(1)),
        (PlaceDict, "/{user}", "/1", {"user": 1}),
    ],
)
def test_whole_types_take_all_captures(kind: Any, path: str, target: str, value: object) -> None:
    assert ask(Path[kind], target, path=path) == value


def test_every_capture_that_does_not_fit_is_named() -> None:
    expected = Refused(400, [("a", "Expected `int`"), ("b", "Expected `int`")])
    assert ask(Path[tuple[int, int]], "/x/y", path="/{a}/{b}") == expected
    assert ask(Path[Place], "/x", path="/{userId}") == Refused(400, [("userId", "Expected `int`")])


def test_optional_parameter_is_missing_on_paths_without_captures() -> None:
    assert ask(Path[int] | None, "/") is None
    assert ask(Path[int], "/", default=7) == 7
    assert ask(Path[int] | None, "/1/2", path="/{a}/{b}") is None


@pytest.mark.parametrize(
    ("kind", "path", "said"),
    [
        (Path[int], "/", "captures nothing"),
        (Path[int], "/{a}/{b}", "captures {a}, {b}"),
        (Annotated[int, FromPath("c")], "/{a}", "takes {c} of the path"),
        (Path[tuple[int]], "/{a}/{b}", "takes 1 captures"),
        (Path[Place], "/{user}", "takes {userId} of the path"),
        (Path[PlaceTuple], "/", "captures nothing"),
        (Path[list[int]], "/", "captures nothing"),
        (Path[object], "/{x}", "of type object"),
    ],
)
def test_parameter_that_nothing_fills_is_refused_with_its_route(kind: Any, path: str, said: str) -> None:
    assert said in refusal(kind, path=path)
