import asyncio
import ssl

from fastloop._core.loop import LoopCore

class TLSSession(asyncio.Protocol):
    def __init__(
        self,
        loop: LoopCore,
        protocol: asyncio.BaseProtocol,
        context: ssl.SSLContext,
        waiter: asyncio.Future[None] | None,
        *,
        server_side: bool,
        server_hostname: str | None,
        tell_connection_made: bool,
        handshake_timeout: float,
        shutdown_timeout: float,
    ) -> None: ...
    def feed(self, data: bytes | bytearray) -> None: ...
    @property
    def transport(self) -> asyncio.Transport: ...
