"""Answer: what a handler may return, in words of the type system.

Knows types, not what becomes of the values: see `into_response`.
"""

from collections.abc import AsyncIterable, Iterator, Mapping
from typing import Any, BinaryIO, ClassVar, Protocol, TypeAlias, runtime_checkable

import msgspec

from fastloop_http._h1.streamed import Stream
from fastloop_http._h1.upgrade import Upgrade
from fastloop_http.respond.headers import Fields, HasItems

Piece: TypeAlias = bytes | bytearray | memoryview | str


@runtime_checkable
class IntoResponse(Protocol):
    """Whatever a handler may return because it says itself what it is as an answer."""

    def into_response(self) -> "Answer":
        """Return any value that a handler may return."""


class DataclassInstance(Protocol):
    """An instance of any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class PydanticModel(Protocol):
    """An instance of any pydantic.BaseModel."""

    def model_dump(self) -> dict[str, Any]: ...


# What a body is made of. Mapping stands for dict, which a TypedDict is at run time only.
Content: TypeAlias = (
    str | bytes | bytearray | memoryview | Mapping[Any, Any] | list[Any] | msgspec.Struct | DataclassInstance
    | PydanticModel | Stream | BinaryIO | Iterator[Piece] | AsyncIterable[Piece] | Upgrade | None
)  # fmt: skip

# Not put together from Content: of a long union mypy shows the beginning only, of one in another all.
Answer: TypeAlias = (
    str | bytes | bytearray | memoryview | Mapping[Any, Any] | list[Any] | msgspec.Struct | DataclassInstance
    | PydanticModel | Stream | BinaryIO | Iterator[Piece] | AsyncIterable[Piece] | Upgrade | IntoResponse
    | int | tuple[int, Content | IntoResponse] | tuple[int, Fields | HasItems, Content | IntoResponse] | None
)  # fmt: skip
