import asyncio
from collections.abc import Callable
from typing import Any

from fastloop._core.loop import LoopCore

class Service:
    def __init__(
        self,
        loop: LoopCore,
        exact: dict[str, tuple[Callable[..., Any], bool]],
        dispatch: Callable[..., Any],
        *,
        max_head_bytes: int,
        max_fields: int,
        max_field_bytes: int,
        max_target_bytes: int,
        max_body_bytes: int,
    ) -> None: ...
    def connection(self) -> asyncio.BaseProtocol: ...
    def abort(self) -> None: ...
    def __len__(self) -> int: ...
