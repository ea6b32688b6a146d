"""What a type can be made of: of one text, of named texts, of JSON. Decided once for a parameter."""

from collections.abc import Callable, Sequence
from inspect import signature
from types import NoneType, UnionType
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from fastloop_http.extract import pydantic
from fastloop_http.extract.failures import ARRAYS, OBJECTS, Failure, failures
from fastloop_http.extract.source import Parameter

Decode = Callable[[Any], Any]

# With nothing that they may be refused for but their type.
PLAIN = {str: inspect.StrType(), int: inspect.IntType(), bool: inspect.BoolType()}


class Typed:
    """A type of msgspec's.

    is_whole: it is made of named texts, else of one text, or where is_array of many. length: how many, where
    that is certain. names: of its fields as they are in requests; None where any name will do. required:
    those that cannot be left out. lists: those that may be repeated; None where all may.
    """

    encode = staticmethod(msgspec.json.Encoder().encode)

    def __init__(self, parameter: Parameter) -> None:
        self.type = parameter.type
        try:
            self._kind = inspect.type_info(self.type)
        except Exception as error:
            # Whatever it raises, and it is not always TypeError: the type is no good.
            parameter.refuse(f"is of type {shown(self.type)}, which cannot be converted to: {error}")
        check_known(self._kind, parameter)
        kind = bare(self._kind)
        self.is_whole = takes_names(kind)
        self.is_array = not self.is_whole and takes_many(kind)
        self.length = len(kind.item_types) if isinstance(kind, inspect.TupleType) else None
        self.names: tuple[str, ...] | None = None
        self.required: tuple[str, ...] = ()
        self.lists: frozenset[str] | None = frozenset()
        if isinstance(kind, inspect.DictType) and takes_many(kind.value_type):
            self.lists = None
        elif self.is_whole and not isinstance(kind, inspect.DictType):
            fields = [field for one in alternatives(kind) for field in getattr(one, "fields", ())]
            self.names = tuple(dict.fromkeys(field.encode_name for field in fields))
            self.lists = frozenset(field.encode_name for field in fields if takes_many(field.type))
            if len(alternatives(kind)) == 1:
                self.required = tuple(field.encode_name for field in fields if field.required)

    def of_json(self) -> Decode:
        """Return what decodes JSON; it raises INVALID."""
        return msgspec.json.Decoder(self.type).decode

    def of_text(self) -> Decode | None:
        """Return what makes it of what `encode` makes of texts; None where it is the text. Raises INVALID.

        Texts are numbers, times and so on where the type asks for these.
        """
        if self.type is str:
            return None
        if isinstance(bare(self._kind), inspect.NamedTupleType):
            return self._of_names_as_struct()
        # By way of JSON: a decoder knows its type, where msgspec.convert() looks at it each time.
        return msgspec.json.Decoder(self.type, strict=False).decode

    def plain_fields(self) -> list[tuple[str, type, bool, Any]] | None:
        """Return the fields of a struct if each is a str, an int or a bool, or None, with no more to it.

        In the order in which the struct takes them: (name, type, whether it is required, its default).
        """
        kind = self._kind
        if not isinstance(kind, inspect.StructType) or kind.cls is not self.type:
            return None
        taken = signature(kind.cls).parameters.values()
        if (
            kind.forbid_unknown_fields
            or kind.array_like
            or kind.tag is not None
            or any(one.kind is not one.POSITIONAL_OR_KEYWORD for one in taken)
            or any(field.default_factory is not msgspec.NODEFAULT for field in kind.fields)
        ):
            return None
        plain = []
        for field in kind.fields:
            of, *others = alternatives(field.type)
            leaf = next((leaf for leaf, plainly in PLAIN.items() if of == plainly), None)
            if leaf is None or others:
                return None
            plain.append((field.encode_name, leaf, field.required, field.default))
        return plain

    def _of_names_as_struct(self) -> Decode:
        # msgspec takes an array for a NamedTuple: a struct of the same fields takes the names.
        named = bare(self._kind)
        made = named.cls
        hints = get_type_hints(made, include_extras=True)
        fields = [
            (field.name, hints[field.name], *(() if field.required else (field.default,)))
            for field in named.fields
        ]
        struct = msgspec.defstruct(made.__name__, fields)
        self._kind = inspect.type_info(struct)
        decode = msgspec.json.Decoder(struct, strict=False).decode
        as_tuple, make = msgspec.structs.astuple, made._make

        def of_names(texts: bytes) -> Any:
            return make(as_tuple(decode(texts)))

        return of_names

    def failures(self, error: Exception, value: object, *, strict: bool = False) -> list[Failure]:
        """Return why value cannot be converted. strict: it comes from JSON."""
        return failures(self._kind, value, error, strict=strict)


def without_none(kind: Any) -> Any:
    """Return a type as it is where a text can be None by missing only: `int` for `int | None`."""
    if get_origin(kind) is Annotated:
        within, *notes = get_args(kind)
        return Annotated[(without_none(within), *notes)]
    if get_origin(kind) not in (Union, UnionType):
        return kind
    return Union[tuple(one for one in get_args(kind) if one is not NoneType)]  # noqa: UP007


def plain(kind: Any) -> Any:
    """Return a type without None, and without what is noted of it besides."""
    kind = without_none(kind)
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def typed_text(parameter: Parameter) -> "Typed | pydantic.PydanticType":
    """Return what parameter's type can be made of, which comes as text."""
    return typed(parameter.of_type(without_none(parameter.type)))


def typed(parameter: Parameter) -> "Typed | pydantic.PydanticType":
    """Return what parameter's type can be made of; TypeError where that is nothing."""
    if pydantic.has_model(parameter.type):
        return pydantic.PydanticType(parameter)
    return Typed(parameter)


def bare(kind: Any) -> Any:
    """Return kind without what is said of it besides."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def alternatives(kind: Any) -> Sequence[Any]:
    """Return what a union is of, without None; kind itself where it is none."""
    kind = bare(kind)
    if not isinstance(kind, inspect.UnionType):
        return (kind,)
    return [bare(one) for one in kind.types if not isinstance(bare(one), inspect.NoneType)]


def takes_names(kind: Any) -> bool:
    """Say whether it is made of named values."""
    whole = (*OBJECTS, inspect.NamedTupleType, inspect.DictType)
    return all(
        isinstance(one, whole) and not getattr(one, "array_like", False) for one in alternatives(kind)
    )


def takes_many(kind: Any) -> bool:
    """Say whether it takes an array."""
    return any(
        isinstance(one, (*ARRAYS, inspect.TupleType)) or getattr(one, "array_like", False)
        for one in alternatives(kind)
    )


def check_known(kind: Any, parameter: Parameter) -> None:
    """Refuse parameter if there is in its type what msgspec cannot convert to."""
    seen: set[int] = set()
    rest = [kind]
    while rest:
        kind = rest.pop()
        if id(kind) in seen:
            continue
        seen.add(id(kind))
        if isinstance(kind, inspect.CustomType):
            unknown(kind.cls, parameter)
        for name in ("type", "item_type", "key_type", "value_type"):
            if isinstance(part := getattr(kind, name, None), inspect.Type):
                rest.append(part)
        rest += getattr(kind, "item_types", ())
        rest += getattr(kind, "types", ())
        rest += (field.type for field in getattr(kind, "fields", ()))


def unknown(cls: Any, parameter: Parameter) -> NoReturn:
    """Refuse parameter for a class in its type."""
    within = "" if cls is parameter.type else f", with {shown(cls)} in it"
    parameter.refuse(
        f"is of type {shown(parameter.type)}{within}, and nothing tells how to convert to that; take a "
        f"msgspec.Struct, a dataclass, a TypedDict or a pydantic model, or write an extractor: a class with "
        f"from_request(request)"
    )


def shown(kind: Any) -> str:
    """Return a type as one writes it."""
    return kind.__qualname__ if isinstance(kind, type) and get_origin(kind) is None else str(kind)
