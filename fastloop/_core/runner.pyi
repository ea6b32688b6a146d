from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextvars import Context
from typing import Any

from fastloop._core.task import Task

class InPlaceRunner:
    def __init__(
        self,
        loop: AbstractEventLoop,
        *,
        context: Context | None = None,
        on_done: Callable[[Task[Any]], object] | None = None,
    ) -> None: ...
    @property
    def loop(self) -> AbstractEventLoop: ...
    @property
    def recycled(self) -> int: ...
    @property
    def let_go(self) -> int: ...
    def run(self, call: Callable[..., Any], *arguments: Any) -> Any: ...
