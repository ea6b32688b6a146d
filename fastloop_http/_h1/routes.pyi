from collections.abc import Callable, Iterable, Sequence
from typing import final

MAX_CAPTURES: int

@final
class Call:
    call: Callable[..., object]
    wants_request: bool
    captures: tuple[int, ...]
    def __init__(
        self, call: Callable[..., object], wants_request: bool, captures: tuple[int, ...]
    ) -> None: ...

@final
class Endpoint:
    calls: dict[str, Call]
    allow: str
    path: str
    def __init__(self, calls: dict[str, Call], allow: str, path: str) -> None: ...

@final
class PathTree:
    def __init__(self, paths: Iterable[tuple[Sequence[str | tuple[str, str] | None], Endpoint]]) -> None: ...
    def match(self, path: str) -> tuple[Endpoint, list[str]] | None: ...
