import socket
from asyncio import BaseProtocol
from collections.abc import Callable

from fastloop._core.loop import LoopCore
from fastloop._core.watchers import Watcher

class Listener(Watcher):
    def __init__(
        self,
        loop: LoopCore,
        sock: socket.socket,
        protocol_factory: Callable[[], BaseProtocol],
        server: object,
        backlog: int,
        on_exhausted: Callable[[Listener, OSError], object],
    ) -> None: ...
    @property
    def sock(self) -> socket.socket: ...
    def start(self) -> None: ...
    def pause(self) -> None: ...
    def accept(self, limit: int) -> int: ...
    def close(self) -> None: ...
