import asyncio
from typing import final

from fastloop._core.holders import Holder

class TimerHandle(asyncio.TimerHandle):
    # Made by the loop only. To isinstance() it is an asyncio.TimerHandle; the type does not derive from it.
    def __init__(self) -> None: ...

class TracedTimerHandle(TimerHandle): ...

@final
class TimerHeap(Holder): ...
