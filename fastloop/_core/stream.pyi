import asyncio
import socket

from fastloop._core.loop import LoopCore

class Stream(asyncio.Transport):
    # To isinstance() it is an asyncio.Transport; the type does not derive from it.
    @property
    def queued(self) -> int: ...
    def finish(self, exc: BaseException | None) -> None: ...

def open_stream(
    loop: LoopCore, sock: socket.socket, protocol: asyncio.BaseProtocol, server: object = None
) -> Stream: ...
