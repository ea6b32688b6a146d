from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import BinaryIO, TypeAlias

Piece: TypeAlias = bytes | bytearray | memoryview | str
Fields: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

class Stream:
    @property
    def pieces(self) -> Iterable[Piece] | AsyncIterable[Piece] | BinaryIO: ...
    @property
    def content_length(self) -> int | None: ...
    @property
    def trailers(self) -> Fields | Callable[[], Fields] | None: ...
    def __init__(
        self,
        pieces: Iterable[Piece] | AsyncIterable[Piece] | BinaryIO,
        *,
        content_length: int | None = None,
        trailers: Fields | Callable[[], Fields] | None = None,
    ) -> None: ...
