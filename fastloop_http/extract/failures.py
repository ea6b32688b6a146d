"""Find every part of a value that does not fit its type: msgspec's own errors stop at the first.

Knows types and decoded values; nothing of requests. Runs for requests that are refused, and for no others.
"""

import datetime
import decimal
import re
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, Union

import msgspec
from msgspec import inspect

from fastloop_http.errors import excerpt

Place: TypeAlias = tuple[str | int, ...]

MAX_FAILURES = 100
# The walk is Python where decoding is C: a request that is refused gets some milliseconds of it, no more.
MAX_VALUES = 10_000
MAX_DEPTH = 32

# The end of msgspec's "Expected `int`, got `str` - at `$.user.ages[0]`".
AT = re.compile(r" - at `(?:key` in `)?\$([^`]*)`\Z")
STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
# What msgspec's errors repeat of the value.
ECHO = re.compile(r"(Invalid enum value |Invalid value |Object contains unknown field )(.*)\Z", re.DOTALL)
LONGEST_DETAIL = 400

# What conversion raises; of msgspec's own errors only newer versions make ValueErrors.
INVALID = (ValueError, msgspec.MsgspecError)

LEAVES: dict[type[inspect.Type], Any] = {
    inspect.NoneType: None,
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.StrType: str,
    inspect.BytesType: bytes,
    inspect.ByteArrayType: bytearray,
    inspect.MemoryViewType: memoryview,
    inspect.DateTimeType: datetime.datetime,
    inspect.TimeType: datetime.time,
    inspect.DateType: datetime.date,
    inspect.TimeDeltaType: datetime.timedelta,
    inspect.UUIDType: uuid.UUID,
    inspect.DecimalType: decimal.Decimal,
}
# What says of a leaf more than its type does.
CONSTRAINTS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "tz")

ARRAYS = (
    inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType, inspect.CollectionType,
)  # fmt: skip
OBJECTS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType)


class Failure(NamedTuple):
    """One part of a value that does not fit: the keys and indices that lead to it, and a sentence."""

    place: Place
    detail: str


def failures(kind: inspect.Type, value: object, error: Exception, *, strict: bool) -> list[Failure]:
    """Return what does not fit in value, which is not of this kind; 100 of them at most, and at least one.

    error: msgspec's, raised as value was converted. strict: texts are not converted to numbers.
    """
    walk = Walk(strict=strict)
    walk.check(kind, value, ())
    if walk.found and (not walk.is_cut or len(walk.found) >= MAX_FAILURES):
        return walk.found[:MAX_FAILURES]
    # The walk sees neither what __post_init__ raises nor what lies beyond its bounds: decoding has.
    first = failure_of(error)
    return [first, *(failure for failure in walk.found if failure.place != first.place)][:MAX_FAILURES]


def failure_of(error: Exception, within: Place = ()) -> Failure:
    """Return what an error of msgspec says, of a value that is found at within."""
    detail = str(error)
    place = within
    if found := AT.search(detail):
        detail = detail[: found.start()]
        known, _, _ = found[1].partition("[...]")  # below, the keys are not told
        place += tuple(key or int(index) for key, index in STEP.findall(known))
    if echo := ECHO.match(detail):
        detail = echo[1] + excerpt(echo[2])
    return Failure(place, detail[:LONGEST_DETAIL])


class Walk:
    """A walk through a value and its type."""

    def __init__(self, *, strict: bool) -> None:
        self.found: list[Failure] = []
        self.is_cut = False
        self._strict = strict
        self._values = 0
        self._leaves: dict[int, Any] = {}

    def check(self, kind: inspect.Type, value: object, place: Place) -> None:
        """Add what does not fit in value."""
        self._values += 1
        if len(self.found) >= MAX_FAILURES or self._values > MAX_VALUES or len(place) >= MAX_DEPTH:
            self.is_cut = True
        elif isinstance(kind, inspect.Metadata):
            self.check(kind.type, value, place)
        elif isinstance(kind, inspect.UnionType):
            self._union(kind, value, place)
        elif isinstance(kind, OBJECTS) and isinstance(value, Mapping) and not is_array(kind):
            self._object(kind, value, place)
        elif isinstance(kind, inspect.DictType) and isinstance(value, Mapping):
            self._length(kind, value, place)
            for key, item in value.items():
                if self._leaf(kind.key_type, key, (*place, key), is_key=True) and not self.is_cut:
                    self.check(kind.value_type, item, (*place, key))
        elif isinstance(kind, ARRAYS) and isinstance(value, list):
            self._length(kind, value, place)
            for index, item in enumerate(value):
                if self.is_cut:
                    break
                self.check(kind.item_type, item, (*place, index))
        elif isinstance(kind, inspect.TupleType) and isinstance(value, list):
            if len(value) == len(kind.item_types):
                for index, item in enumerate(value):
                    self.check(kind.item_types[index], item, (*place, index))
            else:
                self._add(place, f"Expected `array` of length {len(kind.item_types)}, got {len(value)}")
        elif is_array(kind) and isinstance(value, list):
            self._array_of_fields(kind, value, place)
        else:
            self._leaf(kind, value, place)

    def _add(self, place: Place, detail: str) -> None:
        self.found.append(Failure(place, detail))

    def _object(self, kind: Any, value: Mapping[str, object], place: Place) -> None:
        tag_field = getattr(kind, "tag_field", None)
        if tag_field is not None and value.get(tag_field, kind.tag) != kind.tag:
            self._leaf(kind, value, place)
            return
        for field in kind.fields:
            if field.encode_name in value:
                self.check(field.type, value[field.encode_name], (*place, field.encode_name))
            elif field.required:
                self._add((*place, field.encode_name), "Missing")
        if getattr(kind, "forbid_unknown_fields", False):
            known = {tag_field, *(field.encode_name for field in kind.fields)}
            for key in value:
                if key not in known and len(self.found) < MAX_FAILURES:
                    self._add((*place, key), "Not known")

    def _array_of_fields(self, kind: Any, value: list[object], place: Place) -> None:
        for index, field in enumerate(kind.fields):
            if index < len(value):
                self.check(field.type, value[index], (*place, index))
            elif field.required:
                self._add((*place, index), "Missing")

    def _union(self, kind: inspect.UnionType, value: object, place: Place) -> None:
        fitting = [one for one in kind.types if might_be(one, value)]
        if len(fitting) > 1 and isinstance(value, dict):
            fitting = [one for one in fitting if value.get(getattr(one, "tag_field", None)) == tag_of(one)]
        if len(fitting) == 1:
            self.check(fitting[0], value, place)
        else:
            self._leaf(kind, value, place)

    def _length(self, kind: Any, value: Mapping[Any, object] | list[object], place: Place) -> None:
        name = "array" if isinstance(value, list) else "object"
        if kind.min_length is not None and len(value) < kind.min_length:
            self._add(place, f"Expected `{name}` of length >= {kind.min_length}")
        elif kind.max_length is not None and len(value) > kind.max_length:
            self._add(place, f"Expected `{name}` of length <= {kind.max_length}")

    def _leaf(self, kind: inspect.Type, value: object, place: Place, *, is_key: bool = False) -> bool:
        """Add value if it does not fit as a whole; say whether it does."""
        if id(kind) not in self._leaves:
            self._leaves[id(kind)] = type_of(kind)
        try:
            msgspec.convert(value, self._leaves[id(kind)], strict=self._strict and not is_key, str_keys=True)
        except INVALID as error:
            self.found.append(failure_of(error, place))
            return False
        return True


def is_array(kind: inspect.Type) -> bool:
    """Say whether fields of it stand in an array."""
    return isinstance(kind, inspect.NamedTupleType) or bool(getattr(kind, "array_like", False))


def tag_of(kind: inspect.Type) -> object:
    """Return what tells this kind from others of a union; where nothing does, what no value equals."""
    return getattr(kind, "tag", None) or kind


def might_be(kind: inspect.Type, value: object) -> bool:
    """Say whether value is of the sort that has parts, as kind is."""
    if isinstance(kind, inspect.Metadata):
        return might_be(kind.type, value)
    if isinstance(value, list):
        return is_array(kind) or isinstance(kind, (*ARRAYS, inspect.TupleType))
    return isinstance(value, dict) and isinstance(kind, (*OBJECTS, inspect.DictType)) and not is_array(kind)


def type_of(kind: inspect.Type) -> Any:
    """Return the type that msgspec describes as kind."""
    if isinstance(kind, inspect.Metadata):
        return type_of(kind.type)
    if isinstance(kind, inspect.UnionType):
        return Union[tuple(map(type_of, kind.types))]  # noqa: UP007
    if isinstance(kind, inspect.LiteralType):
        return Literal[kind.values]
    if cls := getattr(kind, "cls", None):
        return cls
    if isinstance(kind, inspect.TupleType):
        return tuple[tuple(map(type_of, kind.item_types))]  # type: ignore[misc]
    if isinstance(kind, inspect.DictType):
        return dict[type_of(kind.key_type), type_of(kind.value_type)]  # type: ignore[misc]
    if isinstance(kind, ARRAYS):
        return list[type_of(kind.item_type)]  # type: ignore[misc]
    # Any and what msgspec leaves as it is fit always.
    leaf = LEAVES.get(type(kind), Any)
    said = {name: getattr(kind, name, None) for name in CONSTRAINTS}
    constraints = {name: value for name, value in said.items() if value is not None}
    return Annotated[leaf, msgspec.Meta(**constraints)] if constraints else leaf
