"""A site that calls a slow service for each visit, and serves other visitors meanwhile.

`python examples/visits.py [site host:port] [counter host:port]`; both are served from one loop.
"""

import asyncio
import sys

import aiohttp

import fastloop
from fastloop_http import Router, Server, get, post


class Counter:
    """The slow service: counts a visit in 100 ms."""

    def __init__(self) -> None:
        self.visits = 0

    async def count(self) -> dict[str, int]:
        await asyncio.sleep(0.1)
        self.visits += 1
        return {"visits": self.visits}

    def app(self) -> Router:
        return Router().route("/visits", post(self.count))


class Site:
    """The site: registers each visit with the counter before it answers."""

    def __init__(self, counter: str) -> None:
        self.counter_url = f"http://{counter}/visits"
        self._client: aiohttp.ClientSession | None = None

    def client(self) -> aiohttp.ClientSession:
        # One for all visits, so that its connections are reused; made here as it belongs to the running loop.
        if self._client is None:
            self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._client

    async def index(self) -> str | tuple[int, str]:
        try:
            async with self.client().post(self.counter_url) as answer:
                registered = answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            registered = False
        return "Welcome to my site!" if registered else (500, "Error registering your visit")

    def app(self) -> Router:
        return Router().route("/", get(self.index))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


async def main(site_address: str = "127.0.0.1:3000", counter_address: str = "127.0.0.1:3001") -> None:
    site = Site(counter_address)
    try:
        async with asyncio.TaskGroup() as servers:
            servers.create_task(Server(Counter().app()).serve(counter_address))
            servers.create_task(Server(site.app()).serve(site_address))
    finally:
        await site.close()


if __name__ == "__main__":
    fastloop.run(main(*sys.argv[1:]))
