from collections.abc import Callable, Iterable, Sequence

MAX_CAPTURES: int

class Call:
    call: Callable[..., object]
    wants_request: bool
    captures: tuple[int, ...]
    def __init__(
        self, call: Callable[..., object], wants_request: bool, captures: tuple[int, ...]
    ) -> None: ...

class Endpoint:
    calls: dict[str, Call]
    allow: str
    path: str
    def __init__(self, calls: dict[str, Call], allow: str, path: str) -> None: ...

class PathTree:
    def __init__(self, paths: Iterable[tuple[Sequence[str | tuple[str, str] | None], Endpoint]]) -> None: ...
    def match(self, path: str) -> tuple[Endpoint, list[str]] | None: ...
