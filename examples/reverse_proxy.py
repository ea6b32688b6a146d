"""A reverse proxy: passes requests on to another server, bodies as they come, in both directions.

`python examples/reverse_proxy.py http://127.0.0.1:8000 [address]`
"""

import contextlib
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from typing import NewType

import aiohttp

from fastloop_http import Request, Response, Router, State, Stream, any_method, serve

Upstream = NewType("Upstream", str)

# RFC 9110 section 7.6.1: of one connection, not to be passed on; and what each side's library writes itself.
HOP_BY_HOP = {
    "connection", "content-length", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
    "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip


async def forward(
    request: Request, client: State[aiohttp.ClientSession], upstream: State[Upstream]
) -> Response | int:
    fields = [(name, value) for name, value in request.headers.items() if name not in HOP_BY_HOP]
    if request.client is not None:
        fields.append(("x-forwarded-for", request.client[0]))
    length = request.headers.get("content-length")
    has_body = length is not None or "transfer-encoding" in request.headers
    try:
        answer = await client.request(
            request.method,
            upstream + request.target,
            headers=[*fields, ("content-length", length)] if length is not None else fields,
            data=request.stream() if has_body else None,
            allow_redirects=False,
        )
    except aiohttp.ClientConnectionError:
        return 502

    async def body() -> AsyncIterator[bytes]:
        async with answer:
            async for piece in answer.content.iter_any():
                yield piece

    return Response(
        Stream(body()),
        answer.status,
        [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP],
    )


@contextlib.asynccontextmanager
async def client(app: Router) -> AsyncGenerator[aiohttp.ClientSession]:
    # What the client sends is passed on as it is, also compressed.
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


def make_app(upstream: str) -> Router:
    return (
        Router()
        .route("/", any_method(forward))
        .route("/{*path}", any_method(forward))
        .with_lifespan(client)
        .with_state(Upstream(upstream), Upstream)
    )


if __name__ == "__main__":
    serve(make_app(sys.argv[1]), *(sys.argv[2:] or ["127.0.0.1:3000"]))
