import asyncio
import ssl

from fastloop._core.loop import LoopCore

class TLSSession(asyncio.Protocol):
    def __init__(
        self,
        loop: LoopCore,
        protocol: asyncio.BaseProtocol,
        context: ssl.SSLContext,
        waiter: asyncio.Future[None] | None = None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        tell_connection_made: bool = True,
        handshake_timeout: float | None = None,
        shutdown_timeout: float | None = None,
    ) -> None: ...
    @property
    def transport(self) -> asyncio.Transport: ...
