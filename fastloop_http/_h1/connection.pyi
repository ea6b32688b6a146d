import asyncio
from typing import final

from fastloop_http._h1.service import Service

@final
class HttpConnection(asyncio.BaseProtocol):
    def __init__(self, service: Service) -> None: ...
