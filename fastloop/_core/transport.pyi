import asyncio

class Protocol: ...

class Transport(asyncio.Transport):
    @property
    def queued(self) -> int: ...
