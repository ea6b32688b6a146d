import asyncio

from fastloop_http._h1.service import Service

class HttpConnection(asyncio.BaseProtocol):
    def __init__(self, service: Service) -> None: ...
