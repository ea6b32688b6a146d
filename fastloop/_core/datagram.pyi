import asyncio
import socket
from typing import Any

from fastloop._core.loop import LoopCore

class Datagram(asyncio.DatagramTransport):
    # To isinstance() it is an asyncio.DatagramTransport; the type does not derive from it.
    @property
    def queued(self) -> int: ...
    def finish(self, exc: BaseException | None) -> None: ...
    def deliver_kept(self) -> None: ...

def open_datagram(
    loop: LoopCore, sock: socket.socket, protocol: asyncio.BaseProtocol, remote: Any = None
) -> Datagram: ...
