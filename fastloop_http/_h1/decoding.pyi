from collections.abc import Callable
from typing import Any, Final, TypeVar

from fastloop_http._h1.request import Request

T = TypeVar("T")

MOST_FIELDS: Final = 16

def int_call(fallback: Callable[[str], int]) -> Callable[[str], int]: ...
def query_call(decode: Callable[[bytes], T], fallback: Callable[[Request], T]) -> Callable[[Request], T]: ...
def struct_call(
    struct: Callable[..., T], fields: list[tuple[str, type, bool, Any]], fallback: Callable[[Request], T]
) -> Callable[[Request], T]: ...
def json_check(refuse: Callable[[Request], None]) -> Callable[[Request], None]: ...
def json_call(
    decode: Callable[[bytes], T], fallback: Callable[[Exception, bytes], T]
) -> Callable[[bytes], T]: ...
