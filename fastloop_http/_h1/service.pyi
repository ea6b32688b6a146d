import asyncio
from collections.abc import Callable
from typing import Any

from fastloop._core.loop import LoopCore
from fastloop_http._h1.routes import PathTree

class Service:
    def __init__(
        self,
        loop: LoopCore,
        exact: dict[str, tuple[Callable[..., Any], bool, str]],
        tree: PathTree,
        dispatch: Callable[..., Any],
        *,
        max_head_bytes: int,
        max_fields: int,
        max_field_bytes: int,
        max_target_bytes: int,
        max_body_bytes: int,
        max_chunk_ext_bytes: int,
        max_trailer_bytes: int,
        head_timeout_s: float | None,
        keep_alive_timeout_s: float | None,
        body_grace_s: float | None,
        min_body_bytes_per_s: float,
        write_timeout_s: float | None,
        half_close_timeout_s: float | None,
        background: Callable[..., object],
        proxies: Callable[..., Any] | None = None,
        access_log: Callable[..., object] | None = None,
    ) -> None: ...
    def drain(self) -> asyncio.Future[None]: ...
    def abort(self) -> None: ...
    def counts(
        self,
    ) -> tuple[int, int, tuple[int, ...], int, int, int, int, int, tuple[int, ...]]: ...
    def __len__(self) -> int: ...
