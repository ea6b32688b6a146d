import asyncio

class Handle(asyncio.Handle):
    # Made by the loop only. To isinstance() it is an asyncio.Handle; the type does not derive from it.
    def __init__(self) -> None: ...

class TracedHandle(Handle): ...
