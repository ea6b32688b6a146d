import asyncio
from collections.abc import Callable
from typing import Any, final

from fastloop_http._h1.service import Service

@final
class ProxyHeader(asyncio.BaseProtocol):
    def __init__(
        self,
        service: Service,
        due: Callable[[Any], bool],
        parse: Callable[[bytes | bytearray], tuple[int, bool, Any, bool] | None],
        make: Callable[[], asyncio.BaseProtocol],
    ) -> None: ...
