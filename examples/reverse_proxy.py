"""A reverse proxy: passes requests on to another server, bodies as they come, in both directions.

`python examples/reverse_proxy.py http://127.0.0.1:8000 [address]`, with another server behind it, then

    curl 127.0.0.1:3000/
"""

import contextlib
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import NewType

import aiohttp
from yarl import URL

from fastloop_http import Request, Response, Router, State, Stream, serve

Upstream = NewType("Upstream", str)

# Of one connection (RFC 9110 section 7.6.1), or what client and server do by themselves: not passed on.
HOP_BY_HOP = {
    "connection", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
# What the client would add to requests that have none; whoever asks may not be able to decompress.
AUTOMATIC = ("accept", "accept-encoding", "content-type", "user-agent")


def end_to_end(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the fields that are passed on."""
    lower = [(name.lower(), value) for name, value in fields]
    named = ",".join(value.lower() for name, value in lower if name == "connection").split(",")
    dropped = HOP_BY_HOP.union(name.strip() for name in named)
    return [(name, value) for name, value in lower if name not in dropped]


async def forward(
    request: Request, client: State[aiohttp.ClientSession], upstream: State[Upstream]
) -> Response | int:
    fields = end_to_end(request.headers.items())
    if request.client is not None:
        fields.append(("x-forwarded-for", request.client[0]))
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    try:
        answer = await client.request(
            request.method,
            # As it came: what is percent-encoded means something to who is behind.
            URL(f"{upstream}{request.path}?{request.query}".removesuffix("?"), encoded=True),
            headers=fields,
            data=request.stream() if has_body else None,
            allow_redirects=False,
        )
    except TimeoutError:
        return 504
    except aiohttp.ClientError:
        return 502

    async def pieces() -> AsyncIterator[bytes]:
        async with answer:
            async for piece in answer.content.iter_any():
                yield piece

    # These have no body; any other has its length with it, which the server sends.
    body = b"" if answer.status in (204, 205, 304) else Stream(pieces(), content_length=answer.content_length)
    response = Response(body, answer.status, end_to_end(answer.headers.items()))
    response.headers.pop("content-length", None)
    return response


@contextlib.asynccontextmanager
async def client(app: Router) -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        # One client asks for many: what one is given to keep is nothing to the others.
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=AUTOMATIC,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60),
    ) as session:
        yield session


def make_app(upstream: str) -> Router:
    return Router().fallback(forward).with_lifespan(client).with_state(Upstream(upstream), Upstream)


if __name__ == "__main__":
    serve(make_app(sys.argv[1]), *(sys.argv[2:] or ["127.0.0.1:3000"]))
